#!/usr/bin/env bash
# Plays the whole story of a lab with the real `unseen`, printing each command before it runs.
#
#   DEMO_DIR    folder to play in (default: demo-lab beside the Makefile); an earlier demo there is removed, or
#               moved aside if there are files in it that the demo did not make
#   DEMO_PAUSE  set it to wait for Enter before each chapter
#
# Every command can be typed again afterwards, from that folder.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${CARGO_TARGET_DIR:-$root/target}/debug
[[ $bin = /* ]] || bin=$root/$bin
export PATH=$bin:$PATH

if [[ -t 1 && -z ${NO_COLOR-} ]]; then bold=$'\e[1m' dim=$'\e[2m' cyan=$'\e[36m' plain=$'\e[0m'; else bold='' dim='' cyan='' plain=''; fi

chapter=0
chapters=$(grep -c '^chapter "' "${BASH_SOURCE[0]}")
# A chapter: a heading, Chinese and English.
chapter() {
    chapter=$((chapter + 1))
    [[ -z ${DEMO_PAUSE-} ]] || { [[ $chapter = 1 ]] || read -rp "↵ " < /dev/tty; }
    printf '\n%s══ %d/%d  %s%s\n' "$bold$cyan" "$chapter" "$chapters" "$1" "$plain"
    printf '%s   %s%s\n' "$cyan" "$2" "$plain"
}
# A remark.
say() { printf '\n%s%s%s\n' "$dim" "$*" "$plain"; }
# Prints a command, quoted where need be, and runs it.
run() {
    local shown='' word
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./=:,@%+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        shown+=" $word"
    done
    printf '\n%s$%s%s\n' "$bold" "$shown" "$plain"
    "$@"
}
# As `run`, for a line of shell.
line() {
    printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
    eval "$1"
}
# Runs a command that must be refused, with exit code 1.
refused() {
    local code=0
    run "$@" || code=$?
    [[ $code = 1 ]] || { echo "demo: this had to be refused, and ended with exit code $code" >&2; exit 1; }
}
# Submits a job as the analyst, shows what is said, and sets `job` to its number.
submit() {
    run unseen job submit "$1" --key keys/analyst.pem | tee submitted.txt
    job=$(grep -oE '\bj[0-9]+\b' submitted.txt | head -n 1)
    rm submitted.txt
}

command -v unseen > /dev/null && command -v unseen-audit > /dev/null && command -v unseen-demo > /dev/null || { echo "demo: build first: make setup" >&2; exit 1; }

place=${DEMO_DIR:-$root/demo-lab}
if [[ -e $place && ! -e $place/.unseen-demo && -n $(ls -A "$place") ]]; then
    echo "demo: $place is not an earlier demo, so it is not emptied; give another folder in DEMO_DIR" >&2
    exit 1
fi
if [[ -e $place ]]; then
    # What the demo makes. Jobs, keys and reports of whoever tried it further are theirs.
    made='(auditor|bundle|data|forged|lab|twins|witness)(/.*)?|jobs|keys|keys/(owner|steward|analyst|operator|auditor)\.pem'
    made+='|keys/(log|witness)\.vkey|audit\.html|checkpoint\.txt|policy\.toml|submitted\.txt|witness\.log|\.gitignore|\.unseen-demo'
    others=$(find "$place" -mindepth 1 -printf '%P\n' | grep -vxE "$made" | head -n 1 || true)
    if [[ -n $others ]]; then
        aside=$place.$(date +%Y%m%d-%H%M%S)
        mv "$place" "$aside"
        echo "demo: the earlier demo holds files that it did not make, such as $others; it is kept as $aside"
    fi
fi
rm -rf "$place"
mkdir -p "$place/keys"
cd "$place"
place=$PWD
touch .unseen-demo
echo '*' > .gitignore
ln -s "$root/guest-sdk/examples" jobs
export UNSEEN_LAB=lab
# What the auditor remembers of earlier audits stays in this folder.
export XDG_STATE_HOME=$place/auditor
unset UNSEEN_KEY
witness=''
trap '[[ -z $witness ]] || kill "$witness" 2> /dev/null' EXIT

printf '%sUnseen 可用不可见%s  in %s\n' "$bold" "$plain" "$place"

say "The whole story takes about a minute. 全程约一分钟"
chapter "机器与数据" "The machine and the data"
say "Which walls hold on this kernel. Runs need seccomp; the rest is reported. 本机的隔离措施"
run unseen doctor
say "20,000 synthetic enterprises of Wujin, two years of monthly reports. 合成的武进区两万家企业"
run unseen-demo district --out data --seed 1

chapter "建立实验室" "A lab, and the people in it"
say "Everyone has a key of their own; the lab never sees its private half. 每人一把密钥"
for who in owner steward analyst operator auditor; do run unseen key new "keys/$who.pem"; done
run unseen lab init lab --origin lab.wujin.example/demo --owner keys/owner.pem --name owner
run unseen person enroll --name steward --role steward --new-key keys/steward.pem --key keys/owner.pem
run unseen person enroll --name analyst --role analyst --new-key keys/analyst.pem --key keys/owner.pem
run unseen person enroll --name operator --role operator --new-key keys/operator.pem --key keys/owner.pem
run unseen person enroll --name auditor --role auditor --new-key keys/auditor.pem --key keys/owner.pem
run unseen person list
say "The auditor writes down the log's verifier key today, to check against later. 审计员记下日志公钥"
line "unseen --json lab show | sed -n 's/.*\"logKey\": \"\(.*\)\".*/\1/p' > keys/log.vkey; cat keys/log.vkey"

chapter "第三方见证" "A witness from outside"
say "Another organisation runs a witness. It cosigns only a history that goes on from all it has seen, so the lab cannot show people different ones. 由其他机构运行的见证方"
run unseen-audit witness init witness --name witness.audit-office.example/w1
line 'unseen-audit witness add-log witness "$(cat keys/log.vkey)"'
printf '\n%s$ unseen-audit witness serve witness --listen 127.0.0.1:0 &%s\n' "$bold" "$plain"
unseen-audit witness serve witness --listen 127.0.0.1:0 2> witness.log &
witness=$!
until grep -q http:// witness.log; do kill -0 "$witness"; sleep 0.05; done
cat witness.log
address=$(grep -oE 'http://[0-9.:]+' witness.log | head -n 1)
unseen-audit --json witness show witness | sed -n 's/.*"verifierKey": "\(.*\)".*/\1/p' > keys/witness.vkey

chapter "立规矩" "Rules"
say "Two operators must approve. And results may appear at once: the moment tells how long a run took, so a real lab leaves this off. 双人审批；演示中允许即时发布，真实环境不应开启"
line "unseen policy show > policy.toml"
run sed -i -e 's/^approvals = .*/approvals = 2/' -e 's/^release_now = .*/release_now = true/' policy.toml
say "A release is opened when the witness has seen its entry; with required = true it would stay sealed without, here it would be marked. 发布先经见证；若设 required = true，未经见证则不开启"
cat >> policy.toml <<END

[witnesses]
quorum = 1
required = false

[[witnesses.witness]]
key = "$(cat keys/witness.vkey)"
url = "$address"
END
run cat policy.toml
run unseen policy set policy.toml --key keys/owner.pem

chapter "数据管理员登记数据" "The steward registers the datasets"
say "Rows are checked, sorted by enterprise and encrypted; rows without a code are set aside. 校验、按企业排序、加密"
for name in enterprises monthly industries; do
    run unseen dataset import data/$name.csv --description data/$name.toml --key keys/steward.pem
done
run unseen dataset list
say "The auditor keeps a checkpoint: no later history can drop or change what is before it. 审计员留存检查点"
line "unseen log checkpoint | tee checkpoint.txt"

chapter "分析员在孪生数据上开发" "The analyst works on twins"
say "A twin follows the description and never the data, so anyone may have it. Industry codes are public as they are. 孪生数据只依据描述生成"
run unseen twin enterprises --rows 4000 --out twins
run unseen twin monthly --rows 4000 --out twins
run unseen twin industries --out twins
run unseen job build jobs/yield-per-mu
say "What it costs, and how exact the answer will be, before anyone has run anything. 先知道代价与精度"
run unseen job check jobs/yield-per-mu
say "The real runtime on made-up rows: does the code do what it should? 先在孪生数据上试运行"
line "unseen job try jobs/yield-per-mu --twins twins | head -n 16"

chapter "提交、审批、运行" "Submit, approve, run"
submit jobs/yield-per-mu
first=$job
say "The analyst cannot approve; nobody approves twice. 提交人不能审批"
refused unseen job approve "$first" --key keys/analyst.pem
run unseen job show "$first"
run unseen job approve "$first" --key keys/owner.pem
refused unseen job run "$first" --key keys/operator.pem
run unseen job approve "$first" --key keys/operator.pem
say "The charge is in the log before the first row is read. 先记账，后读数"
run unseen job run "$first" --key keys/operator.pem

chapter "结果" "The release"
say "Every number with its 95 % interval, then the means that the job formed from them. 每个数字都带误差区间"
run unseen job release "$first" --key keys/analyst.pem

chapter "多轮作业：回归" "A job of many rounds: a private regression"
run unseen job build jobs/regression
submit jobs/regression
second=$job
run unseen job approve "$second" --key keys/owner.pem
run unseen job approve "$second" --key keys/operator.pem
run unseen job run "$second" --key keys/operator.pem
run unseen job release "$second" --key keys/analyst.pem
run unseen budget

chapter "审计" "The audit"
say "The auditor takes the log away and needs neither the lab nor its word. 审计员离线验证"
run unseen log show
run unseen log witness
run unseen log export bundle
line 'unseen-audit verify bundle --log-key "$(cat keys/log.vkey)" --witness "$(cat keys/witness.vkey)" --since checkpoint.txt --html audit.html'
say "The same on one page, for people without a terminal: audit.html. 也可在浏览器中打开 audit.html"
say "One changed byte is found. 改动一个字节也会被发现"
run cp -r bundle forged
victim=$(find forged -path '*/tile/entries/*' -type f | sort | head -n 1)
line "truncate -s -1 $victim && printf '!' >> $victim"
refused unseen-audit verify forged
say "Inside the lab, every released number is derived again, noise included. 在实验室内逐位重算"
run unseen audit replay "$first"

cat <<END

${bold}接下来 · What to try next${plain}

  cd '$place'
  export UNSEEN_LAB=lab PATH='$bin':\$PATH

From here every command under "A tour by role" in README.md works as it stands.
此后 README.zh.md「按角色了解」一节的命令均可原样执行。 Besides:

  unseen-audit witness serve witness --listen ${address#http://} &
                                                 the witness, which ends with this demo
  unseen --lang zh --help                        中文帮助
  unseen dataset quality monthly --key keys/steward.pem                 what is wrong in the data: stewards only
  unseen job new sizes                           a job of your own: docs/writing-a-job.md goes on
  unseen log prove 3                             a proof that entry 3 is in the log
  unseen --json job release $first --key keys/analyst.pem
                                                 all groups, for programs

  jobs/          the examples: also flights, and two on a census
  lab/           the lab: its log, its snapshots, its keys
END
