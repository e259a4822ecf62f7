"""One route, on Robyn. `python robyn_one.py PORT`"""

import sys

from robyn import Robyn

app = Robyn(__file__)


@app.get("/json")
async def read_json():
    return {"message": "Hello, World!"}


if __name__ == "__main__":
    app.start("127.0.0.1", int(sys.argv[1]))
