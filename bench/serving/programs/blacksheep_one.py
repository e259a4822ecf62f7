"""One route, on BlackSheep."""

from blacksheep import Application, get, json

app = Application()


@get("/json")
async def read_json():
    return json({"message": "Hello, World!"})
