"""The demo: a home, a customer and two vendors as processes, and what each step proves."""
