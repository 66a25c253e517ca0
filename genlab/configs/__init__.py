"""Recipes: functions that return a complete, frozen configuration. No torch in here."""
