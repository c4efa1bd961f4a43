"""The database: pool, migrations, tier, the projection's writes, typed queries.

Migrations lie in `penstock_runtime/store/migrations`, in the wheel too; `migrate` applies them.
"""
