"""What outside services send us: alerts, and what people do in a pager or a chat."""
