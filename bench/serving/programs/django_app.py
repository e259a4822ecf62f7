"""Django in one file, under WSGI (`application`) and ASGI (`asgi`); models are Pydantic's."""

import asyncio
import json
import os

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from models import OrderIn, OrderOut
from shared import EVENTS, GREETING, REPORT, TICK

# The middleware that `django-admin startproject` writes, where production is measured.
PRODUCTION = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

settings.configure(
    DEBUG=False,
    SECRET_KEY="for a benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=PRODUCTION if os.environ.get("PRODUCTION") else [],
)
django.setup()

ASYNCHRONOUS = os.environ.get("DJANGO_VIEWS") == "async"


def plaintext(request):
    return HttpResponse(GREETING, content_type="text/plain; charset=utf-8")


def read_json(request):
    return JsonResponse({"message": GREETING})


def items(request, user_id):
    limit = int(request.GET.get("limit", 10))
    return JsonResponse({"user_id": user_id, "limit": limit, "q": request.GET.get("q")})


def order(request):
    order = OrderIn.model_validate_json(request.body)
    total = sum(line.quantity * line.price for line in order.lines)
    result = OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)
    return HttpResponse(result.model_dump_json(), content_type="application/json")


def report(request):
    return JsonResponse(REPORT, safe=False)


def upload(request):
    file = request.FILES["file"]
    return JsonResponse({"filename": file.name, "size": len(file.read())})


def events(request):
    stream = asynchronous_events() if ASYNCHRONOUS else synchronous_events()
    return StreamingHttpResponse(stream, content_type="text/event-stream")


def synchronous_events():
    for number in range(EVENTS):
        yield f"data: {json.dumps({'n': number})}\n\n"


async def asynchronous_events():
    for number in range(EVENTS):
        yield f"data: {json.dumps({'n': number})}\n\n"


async def endless():
    number = 0
    while True:
        yield f"data: {json.dumps({'n': number})}\n\n"
        number += 1
        await asyncio.sleep(TICK)


def ticks(request):
    return StreamingHttpResponse(endless(), content_type="text/event-stream")


def suited(view):
    """The view as a coroutine function, where the server is asynchronous."""
    if not ASYNCHRONOUS:
        return view

    async def asynchronous(request, **values):
        return view(request, **values)

    return asynchronous


urlpatterns = [
    path("plaintext", suited(plaintext)),
    path("json", suited(read_json)),
    path("users/<int:user_id>/items", suited(items)),
    path("orders", suited(order)),
    path("sync", read_json),
    path("report", suited(report)),
    path("upload", suited(upload)),
    path("events", suited(events)),
    path("ticks", suited(ticks)),
]

application = get_wsgi_application()
asgi = get_asgi_application()
