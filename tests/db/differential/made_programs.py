"""Programs that write, by a program: two to five steps of every kind, alone and in transactions."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.db.differential.made import MANY, OWN, SINGLE, conditions, term

# What rows of a model can be set to. Some of it is refused, by the columns or by constraints.
VALUES: dict[str, dict[str, list[str]]] = {
    "Flight": {
        "number": ["7", 'F("number") + 1', 'F("distance")', '"12"', '"far"'],
        "distance": ["0", 'F("distance") * 2 - F("number")', 'Coalesce("delay", 1.0)', "-5"],
        "delay": ["None", "2.5", 'F("delay") + 1', "Case(When(distance__gt=900, then=1.5))"],
        "status": ['"landed"', '"cancelled"'],
        "day": ["date(2014, 1, 2)", '"2014-03-01"'],
        "departure": ["datetime(2014, 1, 2, 3, tzinfo=UTC)"],
        "plane": ["None", '"N105"', '"N999"'],
        "airline": ['"HA"', '"XX"'],
    },
    "Airline": {
        "name": ['"Other"', 'Upper("name")', 'Concat("code", Value("-"), "name")'],
        "founded": ["None", "1", 'F("founded") + 10'],
        "alliance": ["None", "3", "99"],
    },
    "Plane": {
        "seats": ["None", "0", 'Coalesce("seats", 5)', 'F("seats") - F("built")'],
        "built": ["1999", 'F("built") + 1'],
        "twin": ["None", '"N105"', '"N999"'],
    },
    "Tag": {"name": ['"made"', 'Lower("name")', 'Concat("name", Value("!"))']},
    "Airport": {"altitude": ["0", 'F("altitude") * 2'], "name": ['"Field"']},
}
ROWS = {
    "Flight": ["1", "6", "12", "35", "60"],
    "Airline": ['"UA"', '"B6"', '"HA"'],
    "Plane": ['"N101"', '"N104"', '"N105"'],
    "Tag": ["1", "2", "3"],
    "Airport": ['"JFK"', '"ASE"'],
}
NEW = {
    "Tag": ['name="made"', 'name="even"', 'id=40, name="forty"', 'name="a b\'c"'],
    "Plane": ['tail="N1", seats=5', 'tail="N2"', 'tail="N101", seats=1'],
    "Airline": ['code="NK", name="Spirit"', 'code="UA", name="Again"'],
    "Alliance": ['name="One"', 'name="Sky"'],
}
# A new instance with the key of a row is an error here, and takes the row's place in Django.
NEW_ONES = ['name="made"', 'name="even"', 'tail="N1", seats=5', 'code="NK", name="Spirit"']
NAMED = {"Tag": ["name"], "Plane": ["seats", "built"], "Airline": ["name", "founded"]}


def query(random: Random, model: str) -> str:
    """Some rows of a model, by one or two conditions."""
    if model == "Flight" and random.random() < 0.6:
        inside = conditions(random, SINGLE, 1)
    else:
        own = SINGLE if model == "Flight" else OWN[model]
        inside = random.choice(
            [term(random, own), term(random, MANY[model]), f"~Q({term(random, MANY[model])})"]
        )
    verb = random.choice(["filter", "filter", "exclude"])
    return f"{model}.objects.{verb}({inside})"


def assigned(random: Random, model: str, count: int) -> list[tuple[str, str]]:
    """Columns, and what they are to be set to."""
    names = random.sample(list(VALUES[model]), min(count, len(VALUES[model])))
    return [(name, random.choice(VALUES[model][name])) for name in names]


def updating(random: Random) -> list[Any]:
    """Rows by conditions, set to values and expressions."""
    model = random.choice(list(VALUES))
    pairs = assigned(random, model, random.randrange(1, 3))
    values = ", ".join(f"{name}={value}" for name, value in pairs)
    return [f"{query(random, model)}.update({values})"]


def deleting(random: Random) -> list[Any]:
    """Rows by conditions, and what points at them."""
    return [f"{query(random, random.choice([*OWN, 'Flight']))}.delete()"]


def following(random: Random) -> list[Any]:
    """Rows that others point at by every rule. Not for blocks: Django's references are looked at
    when the transaction ends."""
    model = random.choice(["Region", "Truck", "Depot", "Driver", "Key", "Lock", "Badge"])
    key = "driver" if model == "Badge" else "id"
    wanted = sorted(random.sample(range(1, 6), random.randrange(1, 4)))
    return [f"{model}.objects.filter({key}__in={wanted}).delete()"]


def creating(random: Random) -> list[Any]:
    """New rows, one or many, with and without those that are there already."""
    model = random.choice(list(NEW))
    values = random.choice(NEW[model])
    kind = random.randrange(5)
    if kind == 0:
        return [f"{model}.objects.create({values})", f"{model}.objects.count()"]
    if kind == 1:
        first, _, rest = values.partition(", ")
        name, _, value = rest.partition("=")
        defaults = f", defaults={{{name!r}: {value}}}" if rest else ""
        verb = random.choice(["get_or_create", "update_or_create"])
        return [f"{model}.objects.{verb}({first}{defaults})"]
    if kind == 2 and values in NEW_ONES:
        return [f"x = {model}({values})", "x.save()", f"{model}.objects.filter(pk=x.pk).count()"]
    many = [each for each in NEW[model] if not each.startswith("id=")]
    made = [f"{model}({each})" for each in random.sample(many, 2)]
    ignored = ", ignore_conflicts=True" if kind == 4 else ""
    return [
        f"x = {model}.objects.bulk_create([{', '.join(made)}]{ignored})",
        f"{model}.objects.count()",
    ]


def upserting(random: Random) -> list[Any]:
    """Many rows that are there or not."""
    rows = ", ".join(
        f'Plane(tail="N{number}", seats={number}, built=None)'
        for number in random.sample(range(99, 107), 3)
    )
    fields = random.choice(['["seats"]', '["seats", "built"]', '["twin"]', '["nothing"]'])
    return [
        f"x = Plane.objects.bulk_create([{rows}], update_conflicts=True,"
        f' update_fields={fields}, unique_fields=["tail"])'
    ]


def saving(random: Random) -> list[Any]:
    """Instances that are changed and saved, all or some of the columns."""
    model = random.choice(["Airline", "Plane", "Tag", "Airport"])
    row = random.choice(ROWS[model])
    pairs = assigned(random, model, 2)
    related = {"twin": "Plane", "alliance": "Alliance"}
    steps = []
    names = []
    for name, value in pairs:
        if name in related and value != "None":
            steps.insert(0, f"y = {related[name]}.objects.order_by('pk')[2]")
            value = "y"
        steps.append(f"x.{name} = {value}")
        names.append(name)
    steps.insert(0, f"x = {model}.objects.get(pk={row})")
    saved = f"x.save(update_fields={names})" if random.random() < 0.4 else "x.save()"
    return [*steps, saved, f"{model}.objects.filter(pk={row}).values_list({str(names)[1:-1]})"]


def changing_many(random: Random) -> list[Any]:
    """``bulk_update``, with values and with expressions."""
    model = random.choice(list(NAMED))
    name = random.choice(NAMED[model])
    rows = random.sample(ROWS[model], 2)
    return [
        f"x = {model}.objects.get(pk={rows[0]})",
        f"y = {model}.objects.get(pk={rows[1]})",
        f"x.{name} = {random.choice(VALUES[model][name])}",
        f"y.{name} = {random.choice(VALUES[model][name])}",
        f'{model}.objects.bulk_update([x, y], ["{name}"])',
    ]


def tying(random: Random) -> list[Any]:
    """The other side of relations to many."""
    model, name, other = random.choice([("Flight", "tags", "Tag"), ("Tag", "flights", "Flight")])
    owner, others = f"{model}.objects.get(pk={random.choice(ROWS[model])})", ROWS[other]
    chosen = ", ".join(random.sample(others, random.randrange(1, 3)))
    verb = random.choice(
        [f"add({chosen})", f"remove({chosen})", f"set([{chosen}])", "clear()", "add(99)"]
    )
    return [f"x = {owner}", f'tied(x, "{name}").{verb}', f'tied(x, "{name}").all().order_by("pk")']


KINDS = (updating, updating, deleting, creating, upserting, saving, changing_many, tying)
ALONE = (following, following, *KINDS)


def program(seed: int) -> list[Any]:
    """Steps of a few kinds; half of them in blocks, of which some are undone."""
    random = Random(seed)
    steps: list[Any] = []
    for _ in range(random.randrange(1, 4)):
        fate = random.randrange(6)
        made = random.choice(KINDS if fate < 3 else ALONE)(random)
        if fate == 0:
            steps.append(made)
        elif fate == 1:
            steps.append([*made, "fail"])
        elif fate == 2:
            steps.append([*updating(random), made, *creating(random)])
        else:
            steps += made
    return steps
