"""One route, on FastAPI."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/json")
async def read_json():
    return {"message": "Hello, World!"}
