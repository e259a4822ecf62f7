"""One route, on django-bolt. `python django_bolt_one.py PORT`"""

import sys

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="for a benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_bolt"],
    BOLT_API=[f"{__name__}:api"],
)
django.setup()
from django_bolt import BoltAPI  # noqa: E402  # the settings come first

urlpatterns = []
api = BoltAPI()


@api.get("/json")
async def read_json():
    return {"message": "Hello, World!"}


if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    at = ["--host", "127.0.0.1", "--port", sys.argv[1]]
    execute_from_command_line(["bench", "runbolt", *at, "--no-admin"])
