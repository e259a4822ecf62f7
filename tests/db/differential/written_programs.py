"""Programs by hand, verb by verb: steps that each side runs in its own words (``programs.py``)."""

from __future__ import annotations

from typing import Any

NEW = "number=7, day=date(2013, 5, 1), departure=datetime(2013, 5, 1, 12, tzinfo=UTC), distance=100"
FOUND = ['u = Airline.objects.get(code="UA")', 'o = Airport.objects.get(code="JFK")']
FLIGHT = f"Flight(airline=u, origin=o, {NEW})"

CREATING: list[Any] = [
    ['Tag.objects.create(name="new")', "Tag.objects.count()"],
    ['Tag.objects.create(name="even")', "Tag.objects.count()"],
    ['Tag.objects.create(id=77, name="seven")', 'Tag.objects.create(name="next")'],
    ['Tag.objects.create(id=1, name="one")'],
    ['Tag.objects.create(nothing="new")'],
    ['Alliance.objects.create(name="a\'); DROP TABLE tag; --")', "Alliance.objects.count()"],
    ['Airline.objects.create(code="NK", name="Spirit")'],
    ['Airline.objects.create(code="NK", name="Spirit", founded="1983")', "a = 1"],
    ['Airline.objects.create(code="NK", name="Spirit", alliance_id=2)'],
    ['Airline.objects.create(code="NK", name="Spirit", alliance_id=99)'],
    [
        "s = Alliance.objects.get(id=1)",
        'a = Airline.objects.create(code="NK", name="Spirit", alliance=s)',
        "a.alliance_id",
    ],
    [*FOUND, f"Flight.objects.create(airline=u, origin=o, {NEW})"],
    [*FOUND, f"Flight.objects.create(airline=u, origin=None, {NEW})"],
    [*FOUND, f"f = {FLIGHT}", "f.id", "f.save()", "f.id", "f.status", "f.airline"],
    [*FOUND, f"f = {FLIGHT}", "f.save()", "f.save()", "Flight.objects.count()"],
    [*FOUND, f"f = {FLIGHT}", "f.save()", 'Note.objects.create(flight=f, text="x")'],
    ['p = Plane(tail="N1")', "p.save()", "p.seats", 'Plane.objects.get(tail="N1")'],
    [
        'p = Plane.objects.create(tail="N1")',
        'q = Plane.objects.create(tail="N2", twin=p)',
        "q.twin",
    ],
    ['t = Tag.objects.create(name="")', "t.name"],
    ['t = Tag.objects.create(name="ünïcödé ☃")', 'Tag.objects.get(name="ünïcödé ☃")'],
    ['Tag.objects.filter(name="even").create(name="odd")', "Tag.objects.count()"],
]

SAVING: list[Any] = [
    ['a = Airline.objects.get(code="UA")', 'a.name = "United"', "a.save()", "a.name"],
    ['a = Airline.objects.get(code="UA")', 'a.name = "x"', "a.save(update_fields=[])"],
    ['a = Airline.objects.get(code="UA")', 'a.save(update_fields=["nothing"])'],
    [
        'a = Airline.objects.get(code="HA")',
        'Airline.objects.filter(code="HA").delete()',
        'a.name = "x"',
        'a.save(update_fields=["name"])',
    ],
    ["t = Tag.objects.get(id=1)", 't.name = "third"', "t.save()", "t.name", "Tag.objects.count()"],
    [
        "t = Tag.objects.get(id=1)",
        't.name = "third"',
        "t.save()",
        't.name = "fine"',
        "t.save()",
        'Tag.objects.order_by("id").values_list("name", flat=True)',
    ],
    ['t = Tag(id=50, name="even")', "t.save()", 't.name = "odd"', "t.save()", "t.name"],
    ["f = Flight.objects.get(id=1)", 'f.distance = F("distance") + 5', "f.save()"],
    [
        "f = Flight.objects.get(id=1)",
        'f.distance = F("distance") + 5',
        "f.save()",
        "Flight.objects.filter(id=1).update(distance=7)",
        "f.number = 9",
        'f.save(update_fields=["number"])',
        'Flight.objects.values_list("distance", "number").get(id=1)',
    ],
    [
        "f = Flight.objects.get(id=1)",
        'f.distance = F("distance") * 2',
        'f.save(update_fields=["distance"])',
        'Flight.objects.values_list("distance", flat=True).get(id=1)',
    ],
    ["f = Flight.objects.get(id=1)", "f.delay = None", "f.save()", "f.delay"],
    ["f = Flight.objects.get(id=1)", "f.number = None", "f.save()", "Flight.objects.count()"],
    ["f = Flight.objects.get(id=1)", "f.plane = None", "f.save()", "f.plane"],
    [
        "f = Flight.objects.get(id=1)",
        'p = Plane.objects.get(tail="N104")',
        "f.plane = p",
        "f.save()",
        'Flight.objects.values_list("plane", flat=True).get(id=1)',
    ],
    [
        "f = Flight.objects.get(id=1)",
        'p = Plane.objects.get(tail="N104")',
        "f.plane = p",
        'f.save(update_fields=["plane"])',
        'Flight.objects.values_list("plane", flat=True).get(id=1)',
    ],
    [
        'p = Plane.objects.get(tail="N104")',
        'Plane.objects.filter(tail="N104").update(seats=1)',
        "p.built = 1900",
        'p.save(update_fields=["built"])',
        'Plane.objects.values_list("seats", "built").get(tail="N104")',
    ],
]

GETTING: list[Any] = [
    ['Tag.objects.get_or_create(name="even")', "Tag.objects.count()"],
    ['Tag.objects.get_or_create(name="new")', 'Tag.objects.get_or_create(name="new")'],
    ['Tag.objects.get_or_create(name__iexact="EVEN")'],
    ['Tag.objects.get_or_create(name__iexact="NEW", defaults={"name": "new"})'],
    ['Tag.objects.get_or_create(pk=50, defaults={"name": "fifty"})'],
    ['Tag.objects.get_or_create(id=50, defaults={"name": "even"})', "Tag.objects.count()"],
    ['Tag.objects.get_or_create({"name": "fifty"}, id=50)'],
    ['Tag.objects.get_or_create({"nothing": "fifty"}, id=50)', "Tag.objects.count()"],
    ['Tag.objects.get_or_create({"nothing": "fifty"}, id=1)'],
    ["Tag.objects.get_or_create(nothing=1)"],
    ['Plane.objects.get_or_create(tail="N1", defaults={"seats": lambda: 3})', "a = 1"],
    ['Plane.objects.get_or_create(pk="N1", defaults={"seats": 3})'],
    ['Plane.objects.get_or_create(pk="N101", defaults={"seats": 3})'],
    ["Plane.objects.get_or_create(seats=178)", "Plane.objects.count()"],
    ['Plane.objects.get_or_create(tail="N1", seats__gt=5, defaults={"seats": 6})'],
    ['Plane.objects.get_or_create(tail="N1", twin__tail="N101", defaults={"seats": 6})'],
    [
        'p = Plane.objects.get(tail="N101")',
        'Plane.objects.get_or_create(tail="N1", twin=p)',
        'Plane.objects.get_or_create(tail="N1", twin=p)',
        'Plane.objects.values_list("twin", flat=True).get(tail="N1")',
    ],
    ['Plane.objects.filter(seats=20).get_or_create(tail="N105")'],
    ['Plane.objects.filter(seats=21).get_or_create(tail="N105")', "Plane.objects.count()"],
    ['Airline.objects.get_or_create(code="NK", alliance__name="Star", defaults={"name": "x"})'],
    ['Tag.objects.update_or_create(name="even", defaults={"name": "odd"})', "Tag.objects.count()"],
    ['Tag.objects.update_or_create(name="new", defaults={"name": "odd"})', "Tag.objects.count()"],
    ['Tag.objects.update_or_create({"name": "odd"}, name="new")'],
    ['Tag.objects.update_or_create(name="even")'],
    ['Tag.objects.update_or_create(id=1, defaults={"name": "third"})', "Tag.objects.count()"],
    ['Tag.objects.update_or_create(id=60, defaults={"nothing": "third"})'],
    [
        'Plane.objects.update_or_create(tail="N1", defaults={"seats": 1}, '
        'create_defaults={"seats": 2})',
        'Plane.objects.update_or_create(tail="N1", defaults={"seats": 1}, '
        'create_defaults={"seats": 2})',
        'Plane.objects.values_list("seats", "built").get(tail="N1")',
    ],
    [
        'Plane.objects.update_or_create(tail="N101", defaults={"seats": F("seats") + 1})',
        'Plane.objects.values_list("seats", flat=True).get(tail="N101")',
    ],
    [
        'Plane.objects.update_or_create(tail="N101", defaults={"seats": lambda: 4})',
        'Plane.objects.values_list("seats", flat=True).get(tail="N101")',
    ],
    ['Plane.objects.update_or_create(seats=178, defaults={"built": 1})', "Plane.objects.count()"],
    [
        'p = Plane.objects.get(tail="N101")',
        'Plane.objects.update_or_create(tail="N103", defaults={"twin": None, "seats": 8})',
        'Plane.objects.update_or_create(tail="N105", defaults={"twin": p})',
        'Plane.objects.update_or_create(tail="N106", defaults={"twin": p})',
    ],
]

BULK: list[Any] = [
    ['Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")])', "Tag.objects.count()"],
    ["Tag.objects.bulk_create([])"],
    ['Tag.objects.bulk_create([Tag(name="a"), Tag(name="a")])', "Tag.objects.count()"],
    ['Tag.objects.bulk_create([Tag(name="a"), Tag(name="even")], ignore_conflicts=True)', "a = 1"],
    [
        'x = Tag.objects.bulk_create([Tag(name="a"), Tag(id=1, name="z")], ignore_conflicts=True)',
        "Tag.objects.count()",
        'Tag.objects.get(name="a")',
    ],
    ['Tag.objects.bulk_create([Tag(id=20, name="a"), Tag(name="b"), Tag(id=30, name="c")])'],
    ['x = Tag.objects.bulk_create([Tag(name="a")])', "x[0].id", "x[0].delete()"],
    [
        'x = Tag.objects.bulk_create([Tag(name="a")])',
        "t = x[0]",
        't.name = "b"',
        "t.save()",
        "t.id",
    ],
    [
        'Tag.objects.bulk_create([Tag(name=f"t{n}") for n in range(7)], batch_size=3)',
        "Tag.objects.count()",
    ],
    ['Tag.objects.bulk_create([Tag(name="a")], batch_size=-1)'],
    ['Tag.objects.bulk_create([Tag(name="a")], ignore_conflicts=True, update_conflicts=True)'],
    [
        'x = Plane.objects.bulk_create([Plane(tail="N101", seats=1), Plane(tail="N1", seats=2)], '
        'update_conflicts=True, update_fields=["seats"], unique_fields=["tail"])',
        'Plane.objects.order_by("tail").values_list("tail", "seats", "built")',
    ],
    [
        'Plane.objects.bulk_create([Plane(tail="N1")], update_conflicts=True, '
        'unique_fields=["tail"])',
    ],
    [
        'Plane.objects.bulk_create([Plane(tail="N1")], update_conflicts=True, '
        'update_fields=["nothing"], unique_fields=["tail"])',
    ],
    [
        'Plane.objects.bulk_create([Plane(tail="N1")], update_conflicts=True, '
        'update_fields=["seats"], unique_fields=["nothing"])',
    ],
    ['Plane.objects.bulk_create([Plane(tail="N1")], update_conflicts=True)'],
    [
        'p = Plane.objects.get(tail="N101")',
        'Plane.objects.bulk_create([Plane(tail="N1", twin=p), Plane(tail="N2")])',
        'Plane.objects.filter(twin="N101").count()',
    ],
    [*FOUND, f"x = Flight.objects.bulk_create([{FLIGHT}, {FLIGHT}])", "x[1].status", "x[1].id"],
    [
        'a = Plane.objects.get(tail="N101")',
        'b = Plane.objects.get(tail="N102")',
        "a.seats = 1",
        "b.seats = None",
        "b.built = 7",
        'Plane.objects.bulk_update([a, b], ["seats"])',
    ],
    [
        'a = Plane.objects.get(tail="N101")',
        'a.seats = F("seats") + 1',
        'Plane.objects.bulk_update([a], ["seats"])',
        'Plane.objects.values_list("seats", flat=True).get(tail="N101")',
    ],
    [
        'a = Plane.objects.get(tail="N104")',
        'b = Plane.objects.get(tail="N105")',
        "a.twin = b",
        'Plane.objects.bulk_update([a], ["twin"])',
        'Plane.objects.filter(twin="N105")',
    ],
    ['a = Plane.objects.get(tail="N101")', 'Plane.objects.bulk_update([a], ["nothing"])'],
    ['a = Plane.objects.get(tail="N101")', 'Plane.objects.bulk_update([a], ["tail"])'],
    ['a = Plane.objects.get(tail="N101")', "Plane.objects.bulk_update([a], [])"],
    ['Plane.objects.bulk_update([], ["seats"])'],
    ['Tag.objects.bulk_update([Tag(name="a")], ["name"])'],
    [
        "a = Tag.objects.get(id=1)",
        "b = Tag.objects.get(id=2)",
        "b.delete()",
        "c = Tag.objects.get(id=3)",
        'a.name = "x"',
        'c.name = "y"',
        'Tag.objects.bulk_update([a, c], ["name"], batch_size=1)',
    ],
    [
        "a = Tag.objects.get(id=1)",
        "b = Tag.objects.get(id=2)",
        "Tag.objects.filter(id=2).delete()",
        'a.name = "x"',
        'b.name = "y"',
        'Tag.objects.bulk_update([a, b], ["name"])',
    ],
    [
        "a = Tag.objects.get(id=1)",
        "b = Tag.objects.get(id=2)",
        'a.name = "third"',
        'b.name = "third"',
        'Tag.objects.bulk_update([a, b], ["name"])',
    ],
]

UPDATING: list[Any] = [
    ["Flight.objects.update(number=1)"],
    ['Flight.objects.filter(distance__gt=1000).update(delay=F("delay") + 5)'],
    ['Flight.objects.update(distance=F("number"), number=F("distance"))'],
    ['Flight.objects.filter(airline__name__startswith="United").update(status="cancelled")'],
    ['Flight.objects.filter(tags__name="even").update(delay=0)'],
    ['Flight.objects.exclude(tags__name="even").update(delay=0)'],
    ["Airline.objects.filter(flights__distance__gt=2000).update(founded=1)"],
    ["Plane.objects.filter(flights__isnull=True).update(seats=0)"],
    ["Plane.objects.filter(twin__seats__gt=100).update(twin=None)"],
    ["Flight.objects.filter(id__lt=9).update(plane=None)"],
    ['Flight.objects.filter(id__lt=9).update(plane="N105", airline="AA")'],
    ['p = Plane.objects.get(tail="N105")', "Flight.objects.filter(id__lt=9).update(plane=p)"],
    ['Flight.objects.filter(id__lt=9).update(plane="N9")'],
    ['Flight.objects.filter(id__lt=9).update(number="9")'],
    ['Flight.objects.filter(id__lt=9).update(number="far")'],
    ["Flight.objects.update(nothing=1)"],
    ["Flight.objects.filter(id__lt=9).update(tags=1)"],
    ['Flight.objects.update(airline__name="x")'],
    ['Flight.objects.update(number=F("airline__founded"))'],
    ["Flight.objects.none().update(number=1)"],
    ["Flight.objects.filter(id=0).update(number=1)"],
    ["Flight.objects.all()[:3].update(number=1)"],
    ['Flight.objects.order_by("airline__name").filter(id__lt=5).update(number=1)'],
    [
        'Flight.objects.update(status=Case(When(distance__gt=1500, then=Value("landed")), '
        'default=Value("cancelled")))'
    ],
    [
        "Flight.objects.update(number=Case(When(delay__gt=10, then=1), When(delay__isnull=True, "
        'then=F("number") + 1), default=0))'
    ],
    [
        "Flight.objects.filter(id__lt=20).update(number=Subquery(Airline.objects.filter("
        'code=OuterRef("airline")).values("founded")[:1]))'
    ],
    [
        'Flight.objects.exclude(airline="B6").update(number=Subquery(Airline.objects.filter('
        'code=OuterRef("airline")).values("founded")[:1]))'
    ],
    [
        'Airline.objects.update(founded=Subquery(Flight.objects.filter(airline=OuterRef("code"))'
        '.order_by("-distance").values("distance")[:1]))'
    ],
    ["Flight.objects.filter(id__in=Flight.objects.filter(distance__gt=900)).update(number=3)"],
    ["Flight.objects.filter(pk__in=[1, 2, 99]).update(number=3)"],
    [
        'Flight.objects.annotate(n=Count("tags")).filter(n__gt=1).update(number=3)',
    ],
    [
        'Airline.objects.annotate(n=Count("flights")).filter(n=0).update(founded=3)',
    ],
    ['Flight.objects.annotate(x=F("distance") * 2).filter(x__gt=2000).update(number=F("x"))'],
    ['Flight.objects.filter(id__lt=4).update(number=Count("tags"))'],
    ['Flight.objects.filter(Exists(Note.objects.filter(flight=OuterRef("pk")))).update(number=3)'],
    ['Flight.objects.filter(note__text__contains="Late").update(number=3)'],
    ["Tag.objects.filter(id=1).update(id=11)", "Tag.objects.count()"],
    ['Tag.objects.filter(name="third").update(name="even")'],
    ['Airline.objects.filter(code="UA").update(code="XX")'],
    ['Tag.objects.update(name=Upper("name"))'],
    ['Tag.objects.update(name=Concat("name", Value("!")))'],
    ['Airline.objects.update(founded=Coalesce("founded", 1900))'],
    ["Flight.objects.filter(id__lt=4).update(day=date(2014, 1, 1))"],
    ["Flight.objects.filter(id__lt=4).update(departure=datetime(2014, 1, 1, 3, tzinfo=UTC))"],
    ['Flight.objects.filter(id__lt=4).update(day="2014-01-01", status="scheduled")'],
    ['Flight.objects.filter(id__lt=4).update(departure="never")'],
    ['Flight.objects.distinct().filter(tags__name="even").update(number=1)'],
    ['Flight.objects.filter(id=1).values("id").update(number=1)'],
    ["Flight.objects.filter(id=1).union(Flight.objects.filter(id=2)).update(number=1)"],
    ["Flight.objects.update(number=-1)"],
]

DELETING: list[Any] = [
    ["Flight.objects.filter(distance__gt=2000).delete()"],
    ['Flight.objects.filter(tags__name="even").delete()'],
    ['Flight.objects.filter(airline__name="JetBlue").delete()'],
    ["Flight.objects.exclude(note__isnull=True).delete()"],
    ["Flight.objects.all().delete()"],
    ["Flight.objects.none().delete()"],
    ["Flight.objects.filter(id=0).delete()"],
    ['Flight.objects.order_by("-distance").delete()'],
    ["Flight.objects.all()[:3].delete()"],
    ['Flight.objects.values("id").delete()'],
    ["Flight.objects.distinct().delete()"],
    ["Flight.objects.filter(id=1).union(Flight.objects.filter(id=2)).delete()"],
    ['Airport.objects.filter(code="JFK").delete()'],
    ["Airport.objects.all().delete()"],
    ["Airport.objects.filter(departures__isnull=True).delete()"],
    ['Airline.objects.filter(code="UA").delete()', "Airline.objects.count()"],
    ['Airline.objects.filter(code="HA").delete()'],
    ["Airline.objects.all().delete()", "Airline.objects.count()"],
    ["Alliance.objects.all().delete()"],
    ["Plane.objects.all().delete()"],
    ['Plane.objects.filter(tail="N101").delete()'],
    ['Plane.objects.filter(twin="N101").delete()'],
    ["Plane.objects.filter(flights__distance__gt=2000).delete()"],
    ["Tag.objects.all().delete()"],
    ['Tag.objects.filter(flights__airline="UA").delete()'],
    ["Note.objects.all().delete()"],
    ['Note.objects.filter(flight__airline__code="UA").delete()'],
    ['Note.objects.filter(text__contains="Late").delete()'],
    ['Airline.objects.annotate(n=Count("flights")).filter(n=0).delete()'],
    ['Flight.objects.annotate(n=Count("tags")).filter(n__gte=2).delete()'],
    ['Flight.objects.filter(Exists(Note.objects.filter(flight=OuterRef("pk")))).delete()'],
    ["Flight.objects.filter(pk__in=Flight.objects.filter(distance__gt=900)).delete()"],
    ["n = Note.objects.get(flight=6)", "n.delete()", "Note.objects.count()"],
    ["f = Flight.objects.get(id=6)", "f.delete()", "Note.objects.filter(flight=6).count()"],
    ["r = Region.objects.get(id=1)", "r.delete()"],
    ["Region.objects.filter(id=2).delete()"],
    ["Region.objects.filter(id__in=[2, 3]).delete()"],
    ["Region.objects.all().delete()"],
    ["Key.objects.filter(id=1).delete()"],
    ["Lock.objects.filter(id=2).delete()"],
    ["k = Key.objects.get(id=3)", "k.delete()"],
    ["Driver.objects.filter(id=2).delete()"],
    ["Driver.objects.filter(id=5).delete()"],
    ['Driver.objects.filter(boss__name="N2").delete()'],
    ["Driver.objects.all().delete()"],
    ['Driver.objects.filter(friends__name="N6").delete()'],
    ["Truck.objects.filter(id=1).delete()"],
    ["Truck.objects.filter(id=2).delete()"],
    ["Truck.objects.filter(id=4).delete()"],
    ["Truck.objects.filter(id=5).delete()"],
    ["Truck.objects.filter(id__gt=2).delete()"],
    ["Truck.objects.all().delete()"],
    ["Depot.objects.filter(id=1).delete()"],
    ["Depot.objects.filter(id=4).delete()"],
    ["Badge.objects.filter(driver__boss__isnull=False).delete()"],
]

TYING: list[Any] = [
    ["f = Flight.objects.get(id=1)", 'tied(f, "tags").add(1, 2)', 'tied(f, "tags").all()'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").add(1)', 'tied(f, "tags").all().count()'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").remove(1, 9)', 'tied(f, "tags").all()'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").set([1])', 'tied(f, "tags").all()'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").set([])'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").clear()', 'tied(f, "tags").all().count()'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").add(99)'],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").set([1, 99])', 'tied(f, "tags").all()'],
    [
        "f = Flight.objects.get(id=12)",
        't = Tag.objects.create(name="x")',
        'tied(f, "tags").set([t, 2])',
        'tied(f, "tags").all().order_by("id")',
    ],
    ["f = Flight.objects.get(id=12)", 'tied(f, "tags").add(Tag(name="x"))'],
    ["f = Flight.objects.get(id=12)", "o = Plane.objects.first()", 'tied(f, "tags").add(o)'],
    ["t = Tag.objects.get(id=1)", 'tied(t, "flights").add(1, 3)'],
    ["t = Tag.objects.get(id=1)", 'tied(t, "flights").set([1, 2, 3])'],
    ["t = Tag.objects.get(id=1)", 'tied(t, "flights").all().delete()'],
    ["t = Tag.objects.get(id=1)", 'tied(t, "flights").all().update(number=1)'],
    [
        "a = Alliance.objects.get(id=1)",
        'b = Airline.objects.get(code="AA")',
        'tied(a, "airlines").add(b)',
    ],
    [
        "a = Alliance.objects.get(id=1)",
        'b = Airline.objects.get(code="UA")',
        'tied(a, "airlines").remove(b)',
    ],
    ["a = Alliance.objects.get(id=1)", 'tied(a, "airlines").clear()'],
    [
        "a = Alliance.objects.get(id=1)",
        'x = Airline.objects.filter(code__in=["AA", "UA"])',
        'tied(a, "airlines").set(x)',
    ],
    [
        "d = Driver.objects.get(id=1)",
        'tied(d, "friends").add(3, 4)',
        'tied(d, "friends").all().count()',
    ],
    ["d = Driver.objects.get(id=1)", 'tied(d, "friends").clear()'],
    ["d = Driver.objects.get(id=1)", 'tied(d, "friends").set([2, 1])'],
]

TRANSACTIONS: list[Any] = [
    [['Tag.objects.create(name="a")', "Flight.objects.update(number=1)"], "Tag.objects.count()"],
    [['Tag.objects.create(name="a")', "fail"], "Tag.objects.count()"],
    [
        ['Tag.objects.create(name="a")', ['Tag.objects.create(name="b")', "fail"]],
        "Tag.objects.count()",
    ],
    [
        ['Tag.objects.create(name="a")', ['Tag.objects.create(name="b")'], "fail"],
        "Tag.objects.count()",
    ],
    [
        [
            'Tag.objects.create(name="a")',
            ['Tag.objects.create(name="even")'],
            'Tag.objects.create(name="c")',
        ],
        'Tag.objects.filter(name__in=["a", "c"]).count()',
    ],
    [
        [
            "t = Tag.objects.select_for_update().get(id=1)",
            't.name = "locked"',
            "t.save()",
            ['t.name = "third"', "t.save()"],
            'Tag.objects.values_list("name", flat=True).get(id=1)',
        ],
        'Tag.objects.order_by("id").values_list("name", flat=True)',
    ],
    [
        [
            'x = Flight.objects.select_for_update().filter(airline__name="JetBlue").order_by("id")',
            "x[0].delete()",
        ]
    ],
    [['x = Flight.objects.select_for_update(of=("self",)).select_related("plane").order_by("id")']],
    [['Airline.objects.filter(code="UA").delete()'], "Airline.objects.count()"],
    [
        [
            "Note.objects.all().delete()",
            ["Flight.objects.all().delete()", "fail"],
            ["Flight.objects.filter(id=1).delete()"],
        ],
        "Flight.objects.count()",
    ],
    [
        [
            't = Tag.objects.create(name="a")',
            ["t.delete()", "fail"],
            "Tag.objects.count()",
        ],
    ],
    [
        [
            "t = Tag.objects.get(id=1)",
            ['t.name = "x"', "t.save()", "fail"],
            't.name = "y"',
            "t.save()",
        ],
        'Tag.objects.values_list("name", flat=True).get(id=1)',
    ],
    [
        ["t = Tag.objects.get(id=1)", 't.name = "x"', "t.save()", "fail"],
        "t.name",
        "t.save()",
        'Tag.objects.values_list("name", flat=True).get(id=1)',
    ],
    [
        ['t = Tag.objects.create(name="gone")', "fail"],
        "Tag.objects.count()",
        't = Tag(name="again")',
        "t.save()",
    ],
    [
        [
            'Tag.objects.get_or_create(name="a")',
            ['Tag.objects.get_or_create(id=70, defaults={"name": "a"})'],
            'Tag.objects.get_or_create(name="b")',
        ],
        "Tag.objects.count()",
    ],
    [
        [
            'Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")])',
            ['Tag.objects.bulk_create([Tag(name="c"), Tag(name="a")])'],
        ],
        "Tag.objects.count()",
    ],
]
