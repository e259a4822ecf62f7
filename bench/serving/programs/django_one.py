"""One route, on Django, under WSGI (`application`) and ASGI (`asgi`)."""

import os

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(SECRET_KEY="for a benchmark", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)
django.setup()


def read_json(request):
    return JsonResponse({"message": "Hello, World!"})


async def read_json_async(request):
    return JsonResponse({"message": "Hello, World!"})


is_async = os.environ.get("DJANGO_VIEWS") == "async"
urlpatterns = [path("json", read_json_async if is_async else read_json)]
application = get_wsgi_application()
asgi = get_asgi_application()
