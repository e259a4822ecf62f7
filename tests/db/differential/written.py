"""Queries by hand, verb by verb. Each is evaluated on both sides.

Rows that Django repeats, because it joins a relation to many, are made single with ``distinct()``.
"""

from __future__ import annotations

ORDERED = [
    # order_by, reverse, slices, first and last
    'Flight.objects.order_by("id")',
    'Flight.objects.order_by("-distance", "id")',
    'Flight.objects.order_by("airline", "-number", "id")',
    'Flight.objects.order_by("airline__name", "id")[5:25]',
    'Flight.objects.order_by("-airline__alliance__name", "id").filter(airline__alliance__gt=0)',
    'Flight.objects.order_by("origin__altitude", "-departure")',
    'Flight.objects.order_by("id").reverse()[:7]',
    "Airline.objects.all()",
    "Airline.objects.reverse()",
    'Airline.objects.order_by("-name")[1:3]',
    'Flight.objects.order_by(F("delay").desc(nulls_last=True), "id")',
    'Flight.objects.order_by(F("delay").asc(nulls_first=True), "id")',
    'Flight.objects.order_by(Lower("airline__name").desc(), "id")[:10]',
    'Flight.objects.order_by("id")[10:20][2:5]',
    'Plane.objects.order_by("twin__seats", "tail").filter(twin__seats__isnull=False)',
    # values and values_list
    'Flight.objects.order_by("id").values("number", "distance")',
    'Flight.objects.order_by("id").values("airline__name", "origin", "plane__seats")[:20]',
    'Flight.objects.order_by("id").values_list("number", "airline__alliance__name")',
    'Flight.objects.order_by("id").values_list("plane", flat=True)',
    'Flight.objects.order_by("id").values_list("plane__twin__tail", flat=True)',
    'Airline.objects.order_by("code").values_list("code", "founded")',
    'Tag.objects.order_by("id").values()',
    'Airport.objects.order_by("code").values()',
    'Flight.objects.order_by("id").values("day__year", "day__month")[:5]',
    'Flight.objects.order_by("id", "tags__id").values("id", "tags__name")',
    'Flight.objects.filter(tags__name="even").order_by("id").values("id", "tags__name")',
    'Airline.objects.order_by("code", "flights__id").values_list("code", "flights__number")',
    'Flight.objects.order_by("id").values(far=F("distance") * 2)[:5]',
    'Flight.objects.values_list("origin", flat=True).distinct().order_by("origin")',
    'Flight.objects.values("airline", "origin").distinct().order_by("airline", "origin")',
    # annotate with expressions
    'Flight.objects.annotate(x=F("distance") + F("number")).order_by("x", "id").values("id", "x")',
    'Flight.objects.annotate(x=F("distance") / 7).order_by("id").values_list("x", flat=True)',
    'Flight.objects.annotate(x=F("distance") % 7).order_by("id").values_list("x", flat=True)',
    'Flight.objects.annotate(x=F("delay") * 2 - 1).order_by("id").values_list("x", flat=True)',
    'Flight.objects.annotate(x=-F("distance")).order_by("x", "id").values_list("x", flat=True)',
    'Flight.objects.annotate(x=Value(3)).order_by("id").values_list("id", "x")[:3]',
    'Flight.objects.annotate(x=Value("a")).order_by("id").values_list("id", "x")[:3]',
    'Flight.objects.annotate(n=F("airline__name")).order_by("n", "id").values_list("n", flat=True)',
    'Flight.objects.annotate(x=Case(When(distance__gt=1500, then=Value("far")), When(distance__gt='
    '700, then=Value("mid")), default=Value("near"))).order_by("id").values_list("id", "x")',
    'Flight.objects.annotate(x=Case(When(Q(delay__gt=10) | Q(airline__name__startswith="U"), then=1'
    '), default=0)).order_by("id").values_list("x", flat=True)',
    'Flight.objects.order_by("id").annotate(x=Coalesce("delay", 0.0)).values_list("x", flat=True)',
    'Airline.objects.annotate(x=Upper("name")).order_by("code").values_list("x", flat=True)',
    'Airline.objects.annotate(x=Length("name")).order_by("code").values_list("x", flat=True)',
    'Airline.objects.annotate(x=Concat("code", Value(": "), "name")).order_by("code").values("x")',
    'Airline.objects.annotate(x=Substr("name", 2, 3)).order_by("code").values("x")',
    'Airline.objects.annotate(x=Left("name", 4), y=Right("name", 3)).order_by("code").values()',
    'Airline.objects.annotate(x=StrIndex("name", Value("a"))).order_by("code").values("x")',
    'Airline.objects.annotate(x=Replace("name", Value("Air"), Value("-"))).order_by("code")'
    '.values("x")',
    'Airline.objects.annotate(x=Greatest("founded", 1927), y=Least("founded", 1927))'
    '.order_by("code").filter(founded__isnull=False).values("x", "y")',
    'Airline.objects.annotate(x=NullIf("founded", 1926)).order_by("code").values("x")',
    'Flight.objects.annotate(x=Abs("delay"), y=Round("delay")).order_by("id").values("x")',
    'Flight.objects.annotate(x=Ceil("delay"), y=Floor("delay")).order_by("id").values("x", "y")',
    'Flight.objects.annotate(y=ExtractYear("departure"), m=ExtractMonth("departure"), d=ExtractDay('
    '"departure")).order_by("id").values("y", "m", "d")',
    'Flight.objects.annotate(h=ExtractHour("departure"), m=ExtractMinute("departure"), s='
    'ExtractSecond("departure")).order_by("id").values("h", "m", "s")',
    'Flight.objects.annotate(w=ExtractWeek("day"), k=ExtractWeekDay("day"), i=ExtractIsoWeekDay('
    '"day"), y=ExtractIsoYear("day"), q=ExtractQuarter("day")).order_by("id").values("w", "k", '
    '"i", "y", "q")',
    'Flight.objects.annotate(d=TruncDate("departure")).order_by("id").values_list("d", flat=True)',
    # alias
    'Flight.objects.alias(x=F("distance") * 2).filter(x__gt=3000).order_by("x", "id")',
    # aggregates over one relation
    'Airline.objects.annotate(n=Count("flights")).order_by("-n", "code").values_list("code", "n")',
    'Airline.objects.annotate(n=Sum("flights__distance")).order_by("code").values("code", "n")',
    'Airline.objects.annotate(n=Avg("flights__delay")).order_by("code").values_list("code", "n")',
    'Airline.objects.annotate(n=Min("flights__day"), m=Max("flights__day")).order_by("code")'
    '.values("code", "n", "m")',
    'Airline.objects.annotate(n=Count("flights", filter=Q(flights__delay__gt=5))).order_by("code")'
    '.values_list("code", "n")',
    'Airline.objects.annotate(n=Count("flights__origin", distinct=True)).order_by("code")'
    '.values_list("code", "n")',
    'Airline.objects.annotate(n=Count("flights__plane__tail", distinct=True)).order_by("code")'
    '.values_list("code", "n")',
    'Airline.objects.annotate(n=Sum("flights__distance", default=0)).order_by("code").values("n")',
    'Airline.objects.filter(flights__distance__gt=1500).annotate(n=Count("flights")).order_by('
    '"code").values_list("code", "n")',
    'Airline.objects.annotate(n=Count("flights")).filter(n__gt=10).order_by("code")',
    'Airline.objects.annotate(n=Count("flights")).exclude(n=0).order_by("code")',
    'Airline.objects.annotate(n=Count("flights")).filter(n__lt=F("founded")).order_by("code")',
    'Flight.objects.annotate(n=Count("tags")).order_by("id").values_list("id", "n")',
    'Flight.objects.annotate(n=Count("tags", filter=Q(tags__name__startswith="f"))).order_by("id")'
    '.values_list("id", "n")',
    'Tag.objects.annotate(n=Sum("flights__distance")).order_by("id").values_list("name", "n")',
    'Alliance.objects.annotate(n=Count("airlines__flights")).order_by("id").values_list("id", "n")',
    'Plane.objects.annotate(n=Count("copies")).order_by("tail").values_list("tail", "n")',
    'Plane.objects.annotate(n=Max("copies__seats")).order_by("tail").values_list("tail", "n")',
    'Airline.objects.annotate(n=Sum(F("flights__distance") * 2)).order_by("code").values("n")',
    'Airline.objects.annotate(n=Count("flights") * 2 + 1).order_by("code").values("n")',
    'Airline.objects.exclude(code="HA").annotate(n=StdDev("flights__distance"), v=Variance('
    '"flights__number")).order_by("code").values("n", "v")',
    'Airline.objects.exclude(code="HA").annotate(n=StdDev("flights__distance", sample=True))'
    '.order_by("code").values("n")',
    'Airline.objects.exclude(code="HA").annotate(n=Sum(Case(When(flights__delay__gt=0, then=1), '
    'default=0))).order_by("code").values("n")',
    # groups
    'Flight.objects.values("origin").annotate(n=Count("id")).order_by("origin")',
    'Flight.objects.values("airline__name").annotate(n=Count("*"), s=Sum("distance"))'
    '.order_by("n", "airline__name")',
    'Flight.objects.values("origin", "airline").annotate(n=Avg("delay")).order_by("origin", '
    '"airline")',
    'Flight.objects.values("origin").annotate(n=Count("id")).filter(n__gt=5).order_by("origin")',
    'Flight.objects.filter(distance__gt=900).values("origin").annotate(n=Count("id")).order_by('
    '"origin")',
    'Flight.objects.values("day__month").annotate(n=Count("id")).order_by("day__month")',
    'Flight.objects.annotate(far=Case(When(distance__gt=1000, then=1), default=0)).values("far")'
    '.annotate(n=Count("id")).order_by("far")',
    'Flight.objects.values("plane__seats").annotate(n=Count("id")).order_by("n", "plane__seats")'
    ".filter(plane__seats__isnull=False)",
    'Airline.objects.values("alliance").annotate(n=Count("flights")).order_by("n", "alliance")',
    'Airline.objects.values("alliance__name").annotate(n=Sum("flights__distance")).order_by("n")'
    ".filter(alliance__name__isnull=False)",
    'Flight.objects.values("tags__name").annotate(n=Count("id")).order_by("n", "tags__name")',
    'Flight.objects.values("origin").annotate(n=Count("id", filter=Q(delay__gt=0))).order_by('
    '"origin")',
    'Flight.objects.values_list("origin").annotate(Count("id")).order_by("origin")',
    'Flight.objects.values("status").annotate(n=Count("id"), x=Max("distance")).order_by("status")',
    # subqueries
    'Airline.objects.annotate(x=Subquery(Flight.objects.filter(airline=OuterRef("pk")).order_by('
    '"-distance", "id").values("distance")[:1])).order_by("code").values("code", "x")',
    'Airline.objects.filter(Exists(Flight.objects.filter(airline=OuterRef("pk"), distance__gt=2400'
    '))).order_by("code")',
    'Airline.objects.filter(~Exists(Flight.objects.filter(airline=OuterRef("pk")))).order_by('
    '"code")',
    'Airline.objects.annotate(x=Exists(Flight.objects.filter(airline=OuterRef("code"), delay__gt='
    '40))).order_by("code").values_list("code", "x")',
    'Flight.objects.filter(airline__in=Airline.objects.filter(founded__lt=1928)).order_by("id")',
    'Flight.objects.filter(plane__in=Plane.objects.values("twin")).order_by("id")',
    'Flight.objects.filter(distance=Flight.objects.order_by("-distance").values("distance")[:1]'
    ').order_by("id")',
    'Flight.objects.exclude(airline__in=Airline.objects.filter(founded__lt=1928)).order_by("id")',
    'Plane.objects.filter(tail__in=Flight.objects.filter(delay__gt=30).values("plane")).order_by('
    '"tail")',
    # windows
    'Flight.objects.annotate(x=Window(RowNumber(), partition_by=[F("origin")], order_by=["-distance'
    '", "id"])).order_by("id").values_list("id", "x")',
    'Flight.objects.annotate(x=Window(Rank(), order_by=F("number").asc())).order_by("id")'
    '.values_list("id", "x")',
    'Flight.objects.annotate(x=Window(DenseRank(), order_by=F("number").asc())).order_by("id")'
    '.values_list("id", "x")',
    'Flight.objects.annotate(x=Window(Sum("distance"), partition_by=[F("airline")], order_by=["id"'
    '])).order_by("id").values_list("id", "x")',
    'Flight.objects.annotate(x=Window(Lag("distance"), order_by=["id"])).order_by("id")'
    '.values_list("id", "x")',
    'Flight.objects.annotate(x=Window(Lead("distance", 2), order_by=["id"])).order_by("id")'
    '.values_list("id", "x")',
    'Flight.objects.annotate(x=Window(RowNumber(), partition_by=[F("origin")], order_by=["-distance'
    '", "id"])).filter(x__lte=2).order_by("origin", "x")',
    'Flight.objects.annotate(x=Window(Rank(), partition_by=[F("airline")], order_by=["-distance"]))'
    '.filter(x=1).order_by("id").values_list("number", "airline__name")',
    # unions
    'Flight.objects.filter(id__lt=4).union(Flight.objects.filter(id__gt=57)).order_by("id")',
    'Flight.objects.filter(id__lt=9).intersection(Flight.objects.filter(id__gt=5)).order_by("id")',
    'Flight.objects.filter(id__lt=9).difference(Flight.objects.filter(id__gt=5)).order_by("id")',
    'Plane.objects.values_list("tail").union(Airport.objects.values_list("name")).order_by("tail")',
    'Flight.objects.filter(id__lt=4).union(Flight.objects.filter(id__gt=57)).order_by("-id")[1:3]',
    '(Flight.objects.filter(id__lt=4) | Flight.objects.filter(id__gt=57)).order_by("id")',
    '(Flight.objects.filter(id__lt=40) & Flight.objects.filter(id__gt=37)).order_by("id")',
    # only, defer, related
    'Flight.objects.only("number").order_by("id")',
    'Flight.objects.defer("distance", "delay").order_by("id")',
    'Flight.objects.select_related("airline", "plane__twin").order_by("id")',
    "Flight.objects.none()",
]

COUNTED = [
    "Flight.objects.all()",
    "Flight.objects.filter(distance__gt=1000)",
    'Flight.objects.filter(airline__name__icontains="air")',
    'Flight.objects.order_by("id")[5:15]',
    'Flight.objects.values("origin").distinct()',
    'Flight.objects.values("origin").annotate(n=Count("id"))',
    'Airline.objects.annotate(n=Count("flights")).filter(n__gt=3)',
    "Flight.objects.filter(id__lt=4).union(Flight.objects.filter(id__gt=57))",
    "Flight.objects.none()",
]

AGGREGATED = [
    ("Flight.objects.all()", 'Sum("distance"), n=Count("*")'),
    ("Flight.objects.filter(delay__gt=0)", 'a=Avg("delay"), b=Min("delay"), c=Max("delay")'),
    ("Flight.objects.filter(distance__lt=0)", 'a=Sum("distance"), n=Count("id")'),
    ("Flight.objects.filter(distance__lt=0)", 'a=Sum("distance", default=0)'),
    ("Flight.objects.all()", 'n=Count("airline", distinct=True)'),
    ("Flight.objects.all()", 'n=Count("id", filter=Q(delay__gt=0))'),
    ("Flight.objects.all()", 'n=Sum("airline__founded"), m=Max("plane__seats")'),
    ('Flight.objects.order_by("-distance", "id")[:10]', 'n=Sum("distance")'),
    ("Airline.objects.all()", 'n=Sum("flights__distance")'),
    ("Airline.objects.filter(founded__gt=1925)", 'n=Count("flights")'),
    ('Airline.objects.annotate(n=Count("flights"))', 'a=Avg("n"), b=Max("n")'),
    ('Flight.objects.annotate(x=F("distance") * 2)', 'a=Sum("x")'),
    ('Flight.objects.values("origin").annotate(n=Count("id"))', 'a=Max("n")'),
    ("Flight.objects.all()", 'a=Sum("distance") / Count("id")'),
    ("Flight.objects.all()", 'a=StdDev("distance"), b=Variance("number", sample=True)'),
    ('Flight.objects.values("airline").distinct()', 'n=Count("airline")'),
]

ONE = [
    ('Flight.objects.order_by("distance", "id")', "first()"),
    ('Flight.objects.order_by("distance", "id")', "last()"),
    ("Flight.objects.all()", "first()"),
    ("Flight.objects.all()", "last()"),
    ("Airline.objects.all()", "last()"),
    ("Flight.objects.filter(id=0)", "first()"),
    ("Flight.objects.all()", "get(id=5)"),
    ("Flight.objects.all()", 'get(number=107, origin="LGA", distance=200)'),
    ("Flight.objects.all()", 'latest("departure")'),
    ("Flight.objects.all()", 'earliest("day", "id")'),
    ("Flight.objects.all()", "exists()"),
    ("Flight.objects.filter(id=0)", "exists()"),
    ('Flight.objects.order_by("id")[70:80]', "exists()"),
    ("Airline.objects.all()", 'in_bulk(["UA", "XX", "B6"])'),
    ("Tag.objects.all()", 'in_bulk(["even"], field_name="name")'),
]

WRONG = [
    ("Flight.objects.get(id=0)", "DoesNotExist"),
    ("Flight.objects.get(origin='JFK')", "MultipleObjectsReturned"),
    ("Flight.objects.filter(nothing=1)", "FieldError"),
    ("Flight.objects.filter(airline__nothing=1)", "FieldError"),
    ("Flight.objects.filter(distance__nothing=1)[0]", "FieldError"),
    ("Flight.objects.order_by('nothing')[0]", "FieldError"),
    ("Flight.objects.annotate(number=F('id'))", "ValueError"),
    ("Flight.objects.values('nothing')[0]", "FieldError"),
    ("Flight.objects.filter(distance='far')[0]", "ValueError"),
    ("Flight.objects.filter(day='never')[0]", "ValidationError"),
    ("Flight.objects.all()[-1]", "ValueError"),
    ("Flight.objects.all()[:5].filter(id=1)", "TypeError"),
    ("Flight.objects.all()[:5].order_by('id')", "TypeError"),
    ("Airline.objects.select_related('flights')[0]", "FieldError"),
    ("Flight.objects.all()[:5].delete()", "TypeError"),
    ("Flight.objects.all()[:5].update(number=1)", "TypeError"),
    ("Flight.objects.filter(number__gt=None)[0]", "ValueError"),
    ("Flight.objects.values_list('id', 'number', flat=True)", "TypeError"),
    ("Flight.objects.all().update(nothing=1)", "FieldDoesNotExist"),
    ("Flight.objects.all().update(number=F('airline__founded'))", "FieldError"),
]
