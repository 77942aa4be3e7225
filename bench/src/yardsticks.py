"""What others need for the same questions, without privacy or with. One measurement a process:
python yardsticks.py NAME FOLDER THREADS -> one line of JSON: wall and CPU seconds, peak MB."""
import json, os, resource, sys, time

name, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
path, csv, copied = (os.path.join(folder, file) for file in ("data.parquet", "data.csv", "copied.parquet"))
os.environ["POLARS_MAX_THREADS"] = str(threads)
ROLLING = """
with ratios as (select unit, avg(output / greatest(energy, 1e-9)) over
        (partition by unit order by month rows between 2 preceding and current row) r,
        row_number() over (partition by unit order by month) n from t),
    best as (select unit, max(r) b from ratios where n >= 3 group by unit)
select least(floor(b), 19) bin, count(*) from best group by bin order by bin"""


def duckdb_(sql):
    import duckdb
    db = duckdb.connect(config={"threads": threads})
    db.execute(f"create view t as select * from read_parquet('{path}')")
    return lambda: db.execute(sql).fetchall()


def duckdb_copy(what):
    import duckdb
    db = duckdb.connect(config={"threads": threads})

    def work():
        db.execute(f"copy ({what}) to '{copied}' (format parquet, compression zstd)")
        with open(copied, "rb+") as file:
            os.fsync(file)
        os.remove(copied)
        return [1]

    return work


def make_csv():
    import duckdb
    duckdb.execute(f"copy (select * from read_parquet('{path}')) to '{csv}.part' (format csv, header)")
    os.replace(f"{csv}.part", csv)


def polars_rolling():
    import polars as pl
    ratio = (pl.col("output") / pl.max_horizontal(pl.col("energy"), pl.lit(1e-9))).rolling_mean(3).over("unit", order_by="month")
    frame = pl.scan_parquet(path).select("unit", "month", ratio.alias("r"))
    bins = frame.group_by("unit").agg(pl.col("r").max()).select(pl.col("r").floor().clip(0, 19).alias("bin"))
    return lambda: bins.group_by("bin").len().sort("bin").collect().rows()


def polars_means():
    import polars as pl
    frame = pl.scan_parquet(path).group_by("district").agg(pl.col("output").sum(), pl.col("output").mean().alias("mean"))
    return lambda: frame.collect().rows()


def per_unit():
    import polars as pl
    frame = pl.scan_parquet(path).group_by("unit", "district").agg(pl.col("output").sum().clip(0, 20000), pl.len().clip(0, 12).alias("n"))
    return frame.collect().partition_by("district", as_dict=True)


def pydp_means():
    from pydp.algorithms.laplacian import BoundedSum

    def work():
        answer = {}
        for district, rows in per_unit().items():
            for column, upper in (("output", 20000.0), ("n", 12.0)):
                algorithm = BoundedSum(epsilon=0.5, lower_bound=0.0, upper_bound=upper, dtype="float")
                answer[district, column] = algorithm.quick_result(rows[column].cast(float).to_list())
        return answer

    return work


def opendp_means():
    import opendp.prelude as dp
    dp.enable_features("contrib")

    def work():
        answer = {}
        for district, rows in per_unit().items():
            for column, upper in (("output", 20000.0), ("n", 12.0)):
                cells = rows[column].cast(float).to_list()
                space = dp.vector_domain(dp.atom_domain(T=float, nan=False), size=len(cells)), dp.symmetric_distance()
                sum_ = space >> dp.t.then_clamp((0.0, upper)) >> dp.t.then_sum()
                answer[district, column] = (sum_ >> dp.m.then_laplace(2 * upper / 0.5))(cells)
        return answer

    return work


WORK = {
    "duckdb-rolling": lambda: duckdb_(ROLLING), "polars-rolling": polars_rolling,
    "duckdb-means": lambda: duckdb_("select district, sum(output), avg(output) from t group by district"),
    "duckdb-bounded": lambda: duckdb_("""select district, sum(s), sum(n) from (select district, least(sum(output), 20000) s, least(count(*), 12) n
        from t group by unit, district) group by district"""),
    "duckdb-copy": lambda: duckdb_copy(f"select * from read_parquet('{path}')"),
    "duckdb-copy-sorted": lambda: duckdb_copy(f"select * from read_parquet('{path}') order by unit"),
    "duckdb-copy-csv": lambda: duckdb_copy(f"select * from read_csv('{csv}')"),
    "make-csv": lambda: lambda: [os.path.exists(csv) or make_csv()],
    "polars-means": polars_means, "pydp-means": pydp_means, "opendp-means": opendp_means,
}
work = WORK[name]()
usage = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
wall, cpu = time.perf_counter(), usage()
answer = work()
assert len(answer) > 0
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": usage() - cpu, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
