"""What the api answers with, by subject: shapes, and their making from the replica."""
