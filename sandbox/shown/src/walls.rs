//! Protections of a machine, by what they are called.

use unseen_texts::{Text, text};

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
        _ => return None,
    };
    Some(title)
}
