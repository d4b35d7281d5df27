"""The dashboard: asks the views of `schemas/views/`, draws the answers, explains them."""
