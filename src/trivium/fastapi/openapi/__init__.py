"""``fastapi.openapi``"""
