"""``fastapi.dependencies``"""
