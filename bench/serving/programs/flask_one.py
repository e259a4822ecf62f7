"""One route, on Flask."""

from flask import Flask

app = Flask(__name__)


@app.get("/json")
def read_json():
    return {"message": "Hello, World!"}
