#!/usr/bin/env bash
# A standalone Spark of two workers, from the jars of the package pyspark. What is common to all: common.sh.
. "$(dirname "$0")/common.sh"
SPARK_HOME=$(echo "$engines"/spark/lib/python3*/site-packages/pyspark)
# A short life is shorter without Java's second compiler.
java="-XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.io.tmpdir=$dir/tmp"
SPARK_LOCAL_IP=$(address 0)
export SPARK_HOME SPARK_LOCAL_IP SPARK_CONF_DIR=$dir SPARK_LOCAL_DIRS=$dir/tmp
export SPARK_DAEMON_MEMORY=256m SPARK_DAEMON_JAVA_OPTS=$java

lacks() { [ -x "$engines/spark/bin/python" ] && command -v java > /dev/null || echo "Spark is not installed: scripts/engine.sh spark"; }

head() {
    [ -e "$dir/port" ] || free_port > "$dir/port"
    start head "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master \
        --host "$(address 0)" --port "$(cat "$dir/port")" --webui-port 0
    until_it listening "$(cat "$dir/port")"
}

node() {
    # shellcheck disable=SC2046
    SPARK_LOCAL_IP=$(address "$1") start "node$1" $(within "$1") \
        "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker --host "$(address "$1")" --webui-port 0 \
        --cores 2 --memory 1g --work-dir "$dir/node$1" "spark://$(address 0):$(cat "$dir/port")"
}

ready() {
    until_it grep -q 'Successfully registered with master' "$dir/node1.log"
    until_it grep -q 'Successfully registered with master' "$dir/node2.log"
    line "$(cat "$dir/port")" > "$dir/courier"
    line "$(free_port)" > "$dir/astray"
}

line() {
    printf '%s\n' env PYSPARK_PYTHON="$python" SPARK_LOCAL_IP="$(address 0)" \
        "$python" "$here/spark_courier.py" "spark://$(address 0):$1"
    printf -- '--conf\n%s\n' spark.executor.cores=2 spark.executor.memory=600m \
        "spark.driver.extraJavaOptions=$java" "spark.executor.extraJavaOptions=$java" "spark.local.dir=$dir/tmp"
}

main "$@"
