"""The demo: a fake provider, apps that call it, and a month of history."""
