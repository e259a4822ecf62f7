"""One route, on Starlette."""

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def read_json(request):
    return JSONResponse({"message": "Hello, World!"})


app = Starlette(routes=[Route("/json", read_json)])
