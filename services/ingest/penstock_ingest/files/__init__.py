"""Files of bars and trades: CSV, gzipped CSV and Parquet, read into columns."""
