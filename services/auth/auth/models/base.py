"""What every table of auth is declared on."""

from chassis.database import Database

db = Database()
