"""The dashboard: asks the views of `schemas/views/` (`ask`), draws the answers (`draw`), puts them in words (`explain`)."""
