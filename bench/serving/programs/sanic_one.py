"""One route, on Sanic. `python sanic_one.py PORT`"""

import sys

from sanic import Sanic, json

app = Sanic("bench")


@app.get("/json")
async def read_json(request):
    return json({"message": "Hello, World!"})


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
