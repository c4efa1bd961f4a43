"""Who may do what: roles, tokens, browsers' sessions, and the gate that every request passes."""
