"""The mirror has FastAPI's names, module for module, and no logic of its own."""

import ast
import importlib
import pkgutil
import warnings
from pathlib import Path

import fastapi
import pytest
from starlette.exceptions import StarletteDeprecationWarning

import trivium.fastapi
from tests.fastapi.names import OMITTED, PUBLIC

MIRROR = Path(trivium.fastapi.__file__).parent
SOURCES = sorted(
    path for path in MIRROR.rglob("*.py") if "_alias" not in path.relative_to(MIRROR).parts
)
MIRRORED = [module for module in PUBLIC if "*" not in OMITTED.get(module, {})]
# What a module of the mirror may call: each makes a name, none does anything.
NAMING_CALLS = {"TypeVar", "ParamSpec", "logging.getLogger", "tuple"}


def imported(name):
    with warnings.catch_warnings():
        # Starlette's WSGI middleware says at its import that it is deprecated.
        warnings.simplefilter("ignore", StarletteDeprecationWarning)
        return importlib.import_module(name)


def modules_of_fastapi():
    """All but the private ones, which have an underscore in their name."""
    found = (info.name for info in pkgutil.walk_packages(fastapi.__path__, "fastapi."))
    return ["fastapi", *sorted(name for name in found if "._" not in name)]


def offered(module):
    """What a module defines, or re-exports on purpose as FastAPI marks it: `import X as X`."""
    names = set()
    for node in ast.parse(Path(module.__file__).read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.ImportFrom():
                names |= {alias.name for alias in node.names if alias.asname == alias.name}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("module", MIRRORED)
def test_every_public_name_of_fastapi_is_in_the_mirror(module):
    mirror = imported(f"trivium.{module}")

    assert [name for name in PUBLIC[module].split() if not hasattr(mirror, name)] == []


@pytest.mark.parametrize("module", PUBLIC)
def test_every_listed_name_is_one_of_fastapi(module):
    real = imported(module)

    assert [name for name in PUBLIC[module].split() if not hasattr(real, name)] == []


@pytest.mark.parametrize("module", modules_of_fastapi())
def test_what_the_real_module_offers_the_mirror_offers_or_omits_with_a_reason(module):
    omitted = OMITTED.get(module, {})
    if "*" in omitted:
        with pytest.raises(ModuleNotFoundError):
            imported(f"trivium.{module}")
        return
    mirror, real = imported(f"trivium.{module}"), imported(module)

    assert {name for name in offered(real) if not hasattr(mirror, name)} == omitted.keys()


@pytest.mark.parametrize("module", MIRRORED)
def test_what_fastapi_takes_from_starlette_is_the_same_object_in_the_mirror(module):
    real, mirror = imported(module), imported(f"trivium.{module}")

    for name in PUBLIC[module].split():
        value = getattr(real, name)
        if str(getattr(value, "__module__", "")).startswith("starlette."):
            ours = getattr(mirror, name)
            assert ours is value or issubclass(ours, value), name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(MIRROR)))
def test_a_module_of_the_mirror_holds_no_logic(path):
    tree = ast.parse(path.read_text())

    for statement in tree.body:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass
            case ast.Assign(value=ast.Call(func=called)):
                assert ast.unparse(called) in NAMING_CALLS
            case ast.Assign(value=value):
                assert isinstance(
                    value, ast.Name | ast.Attribute | ast.Constant | ast.List | ast.Subscript
                )
            case ast.Expr(value=ast.Call()):
                assert path.name == "__main__.py"
            case _:
                pytest.fail(f"line {statement.lineno} is logic: {ast.unparse(statement)}")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(MIRROR)))
def test_a_module_of_the_mirror_lists_what_it_offers(path):
    if path.name == "__main__.py":
        return
    name = ".".join(("trivium.fastapi", *path.relative_to(MIRROR).with_suffix("").parts))
    module = imported(name.removesuffix(".__init__"))

    tree = ast.parse(path.read_text())
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").partition(".")[0] in ("trivium", "starlette")
    }
    assert bound <= set(getattr(module, "__all__", ()))
    assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


def test_importing_the_mirror_does_not_import_fastapi_or_optional_packages(run_python):
    loaded = run_python(
        """
        import sys
        import trivium.fastapi
        print(*sorted({name.partition(".")[0] for name in sys.modules}))
        """
    ).split()

    assert "trivium" in loaded
    assert not {"fastapi", "jinja2", "httpx", "fastapi_cli"} & set(loaded)


def test_importing_the_package_is_enough_to_reach_its_modules(run_python):
    shown = run_python(
        """
        import trivium.fastapi
        trivium.fastapi.install()
        import fastapi
        print(fastapi.routing.APIRoute.__name__, fastapi.dependencies.utils.get_dependant.__name__)
        """
    )

    assert shown.split() == ["APIRoute", "analyse"]


def test_the_mirror_tells_the_version_of_the_api_that_it_has():
    assert trivium.fastapi.__version__ == fastapi.__version__
