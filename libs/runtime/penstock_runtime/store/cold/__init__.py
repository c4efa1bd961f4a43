"""What is no longer hot: rows that leave the database for Parquet files, and come back.

Imports PyArrow, so nothing that trades imports this.
"""
