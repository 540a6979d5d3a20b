"""What figures are called whose names do not say it."""

LABELS = {"h3": "Section H.3"}
