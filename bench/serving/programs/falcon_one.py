"""One route, on Falcon."""

import falcon.asgi


class Json:
    async def on_get(self, request, response):
        response.media = {"message": "Hello, World!"}


app = falcon.asgi.App()
app.add_route("/json", Json())
