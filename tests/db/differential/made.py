"""Queries by a program: filters of every kind, alone and combined, in other verbs' company."""

from __future__ import annotations

from random import Random

# Names with the lookups and values that suit them. Names with a relation to many come apart.
SINGLE: dict[str, list[str]] = {
    "number": ["=107", "__gt=110", "__lte=105", "__in=[100, 107, 114]", "__range=(103, 109)"],
    "distance": ["__gte=1000", "__lt=500", "__in=[]", "__gt=10 ** 12", "__lt=10 ** 12"],
    "delay": ["=None", "__isnull=True", "__isnull=False", "__gt=10", "__lt=0.5", "=-9.5"],
    "day": ["=date(2013, 2, 3)", "__gt=date(2013, 2, 9)", "__year=2013", "__month__in=[1, 2]"],
    "departure": [
        "__date=date(2013, 2, 3)",
        "__hour=7",
        "__hour__gte=18",
        "__gte=datetime(2013, 2, 5, tzinfo=UTC)",
        "__day__lt=4",
        "__week=6",
        "__week_day=1",
        "__minute__gt=30",
    ],
    "status": ['="landed"', '__in=["landed", "cancelled"]'],
    "airline": ['="UA"', '__in=["UA", "AA"]', "__isnull=False"],
    "airline__code": ['="UA"', '__gt="B"'],
    "airline__name": [
        '="JetBlue"',
        '__icontains="AIR"',
        '__startswith="Uni"',
        '__istartswith="d"',
        '__endswith="ines"',
        '__iexact="jetblue"',
        '__regex="^[UD].*Lines$"',
        '__iregex="^jet"',
        '__in=["JetBlue", "Nil"]',
    ],
    "airline__founded": ["__gt=1925", "__isnull=True", "=1926"],
    "airline__alliance": ["__isnull=True", "=1"],
    "airline__alliance__name": ['="Star"', '__icontains="s"', "__isnull=True"],
    "origin__altitude": ["__lt=20", "=22"],
    "plane": ["__isnull=True", '="N101"'],
    "plane__seats": ["__gt=100", "__isnull=True"],
    "plane__twin": ['="N101"', "__isnull=True"],
    "plane__twin__seats": ["__gte=55"],
    "note": ["__isnull=True", "__isnull=False"],
    "note__text": ['__contains="Late"', '__icontains="100%_"'],
    "number ": ["=F('distance')", "__lt=F('distance') - 300"],
    "distance ": ["__gt=F('airline__founded')", "__lt=F('number') * 10"],
    "pk": ["=7", "__in=[1, 2, 3, 99]", "__gt=50"],
}
MANY: dict[str, dict[str, list[str]]] = {
    "Flight": {
        "tags": ["=1", "__isnull=True", "__in=[2, 3]"],
        "tags__name": ['="even"', '__startswith="f"', '__in=["even", "third"]'],
        "plane__copies__seats": ["__gt=100", "__isnull=True"],
    },
    "Airline": {
        "flights": ["=3", "__isnull=True", "__isnull=False"],
        "flights__distance": ["__gt=1500", "__lt=300", "=200"],
        "flights__delay": ["__gt=30", "__isnull=True"],
        "flights__origin__name": ['__icontains="ken"', '="La Guardia"'],
        "flights__plane__seats": ["__lt=60"],
        "flights__tags__name": ['="fourth"'],
        "flights__note": ["__isnull=False"],
    },
    "Airport": {
        "departures__airline__name": ['__startswith="U"'],
        "departures__distance": ["__gt=2300", "__lte=250"],
        "departures__tags": ["=3"],
    },
    "Plane": {
        "flights__number": ["=107", "__gt=118"],
        "flights__airline": ['="UA"'],
        "copies": ["__isnull=True"],
        "copies__built": ["__gt=2000", "__isnull=True"],
        "twin__copies__seats": ["__gt=100"],
    },
    "Tag": {"flights__origin": ['="JFK"'], "flights__delay": ["__lt=-9"]},
}
OWN: dict[str, dict[str, list[str]]] = {
    "Airline": {"code": ['__gt="B"'], "founded": ["__isnull=True", "__gt=1925"]},
    "Airport": {"altitude": ["__gt=15"], "name": ['__icontains="la"']},
    "Plane": {"seats": ["__isnull=True", "=178"], "built": ["__gte=1998"]},
    "Tag": {"name": ['__contains="e"']},
}
KEYS = {"Flight": "id", "Airline": "code", "Airport": "code", "Plane": "tail", "Tag": "id"}


def term(random: Random, names: dict[str, list[str]]) -> str:
    name = random.choice(list(names))
    return name.strip() + random.choice(names[name])


def conditions(random: Random, names: dict[str, list[str]], depth: int = 2) -> str:
    """A Q of terms that are about rows themselves, or about rows on the other side of one."""
    kind = random.randrange(5) if depth else 0
    if kind <= 1:
        return f"Q({term(random, names)})"
    left = conditions(random, names, depth - 1)
    right = conditions(random, names, depth - 1)
    if kind == 4:
        return f"~({left} {random.choice('&|')} {right})"
    return f"({left} {'&' if kind == 2 else '|'} {right})"


def single(seed: int) -> str:
    """Flights by conditions on themselves and on relations to one."""
    random = Random(seed)
    verbs = [
        f".{random.choice(['filter', 'filter', 'exclude'])}({conditions(random, SINGLE)})"
        for _ in range(random.randrange(1, 3))
    ]
    tail = random.choice(
        [
            '.order_by("id")',
            '.order_by("-distance", "id")[:20]',
            '.order_by("id").values_list("id", "airline__name")',
            '.order_by("airline__name", "-id")',
            '.order_by("id").values("id", "plane__seats", "status")',
            '.annotate(x=F("distance") + F("number")).order_by("x", "id").values_list("id", "x")',
            '.values("origin").annotate(n=Count("id"), d=Sum("distance")).order_by("origin")',
            '.annotate(n=Count("tags")).order_by("-n", "id").values_list("id", "n")',
        ]
    )
    return "Flight.objects" + "".join(verbs) + tail


def many(seed: int) -> str:
    """Rows by conditions on relations to many. Django needs distinct()."""
    random = Random(seed)
    model = random.choice(list(MANY))
    own = SINGLE if model == "Flight" else OWN[model]
    verbs = []
    for _ in range(random.randrange(1, 3)):
        first = term(random, MANY[model])
        how = random.randrange(5)
        if how == 0:
            verbs.append(f".exclude({first})")
        elif how == 1:
            verbs.append(f".filter({first}, {term(random, own)})")
        elif how == 2:
            verbs.append(f".filter(Q({first}) | Q({term(random, own)}))")
        elif how == 3:
            verbs.append(f".filter(~Q({first}))")
        else:
            verbs.append(f".filter({first})")
    key = KEYS[model]
    return f'{model}.objects{"".join(verbs)}.distinct().order_by("{key}")'


def together(seed: int) -> str:
    """Two conditions in one filter that are about the same row on the other side."""
    random = Random(seed)
    model = random.choice(["Airline", "Airport", "Plane"])
    names = {
        "Airline": ("flights__distance", "flights__delay", "flights__origin__name"),
        "Airport": ("departures__distance", "departures__airline__name"),
        "Plane": ("flights__number", "flights__airline"),
    }[model]
    first, second = random.sample(names, 2)
    one = first + random.choice(MANY[model][first])
    other = second + random.choice(MANY[model][second])
    own = term(random, OWN[model])
    inside = random.choice(
        [
            f"{one}, {other}",
            f"Q({one}) & Q({other})",
            f"Q({one}) & (Q({other}) | Q({own}))",
            f"Q({one}) | Q({other})",
            f"(Q({one}) & Q({other})) | Q({own})",
        ]
    )
    return f'{model}.objects.filter({inside}).distinct().order_by("{KEYS[model]}")'


def counted(seed: int) -> str:
    """Aggregates over one relation, behind conditions."""
    random = Random(seed)
    model = random.choice(["Airline", "Airport", "Plane", "Tag"])
    relation = {"Airline": "flights", "Airport": "departures", "Plane": "flights"}.get(
        model, "flights"
    )
    aggregate = random.choice(
        [
            f'Count("{relation}")',
            f'Sum("{relation}__distance")',
            f'Avg("{relation}__delay")',
            f'Min("{relation}__number")',
            f'Max("{relation}__plane__seats")',
            f'Count("{relation}__origin", distinct=True)',
            f'Count("{relation}", filter=Q({relation}__distance__gt=1200))',
            f'Sum("{relation}__distance", filter=Q({relation}__delay__lt=0))',
        ]
    )
    before = random.choice(["", f".filter({term(random, OWN[model])})"])
    if random.random() < 0.4:
        before += f".filter({relation}__distance__gt={random.choice([300, 900, 1600])})"
    after = random.choice(["", ".filter(n__gt=3)", ".filter(n__isnull=True)"])
    if "Count" in aggregate:
        # of nothing it is 0; exclude() of a NULL is another matter, see test_differences
        after = random.choice([after, ".exclude(n__lt=5)"])
    key = KEYS[model]
    return (
        f"{model}.objects{before}.annotate(n={aggregate}){after}"
        f'.order_by("{key}").values_list("{key}", "n")'
    )
