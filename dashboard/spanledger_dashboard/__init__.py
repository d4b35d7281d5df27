"""The dashboard: asks the views of `schemas/views/`, draws the answers, and puts them in words."""
