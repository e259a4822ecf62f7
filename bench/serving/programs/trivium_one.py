"""One route, on App."""

from trivium import App

app = App()


@app.get("/json")
async def read_json():
    return {"message": "Hello, World!"}
