"""What stands around the routes of an application."""
