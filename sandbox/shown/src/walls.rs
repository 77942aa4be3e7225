//! Protections of a machine, by what they are called.

use std::collections::BTreeMap;

use unseen_texts::{Sentence, Text, say, text};

/// What a protection is for.
pub fn title(name: &str) -> Option<Text> {
    let title = match name {
        "seccomp" => text!("seccomp: a short list of system calls", "seccomp：只允许少量系统调用"),
        "landlock" => text!("landlock: no file, no port", "landlock：禁止文件和端口"),
        "rlimits" => text!("rlimits: no byte of a file, no core dump", "rlimits：不写文件，不留内存转储"),
        "undumpable" => text!("not dumpable, not traceable", "不可转储，不可跟踪"),
        "capabilities" => text!("capabilities: none", "没有任何特权（capability）"),
        "memory" => text!("memory: never in swap", "内存不会写入交换区"),
        "freshness" => text!("wasmtime: fresh state for every grain", "wasmtime：每个数据粒全新状态"),
        "fuel" => text!("fuel: as many units a second as the policy says", "燃料：每秒不少于规则所写的数量"),
        "room" => text!("memory: as much as the policy says", "内存：不少于规则所写的大小"),
        "clock" => text!("clock: kept by a time service", "时钟：由时间服务校准"),
        "nodes" => text!("nodes: one at least is enrolled", "计算节点：至少登记了一个"),
        "store" => text!("store: takes what nodes read", "共享存储：可写入节点要读取的内容"),
        "engine" => text!("engine: reached by the courier", "引擎：信使程序可以连接"),
        _ => return None,
    };
    Some(title)
}

/// How the walls of a node's worker stand: those that do not hold in full, by name.
pub fn open_walls(walls: &BTreeMap<String, String>) -> Sentence {
    let open = walls.iter().filter(|(_, state)| *state != "holds").map(|(name, _)| name.as_str());
    match open.collect::<Vec<_>>()[..] {
        [] => text!("all hold", "全部有效").into(),
        ref open => {
            let open = open.join(", ");
            say!("not in full: {open}", "未完全有效：{open}")
        }
    }
}
