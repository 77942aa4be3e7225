//! Words that people meet in commands, answers and manifests, explained to who meets them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::Answer;
use unseen_texts::{Sentence, Text, text};

use crate::error::UseCaseError;

/// Words, explained.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// In the order in which one best reads them.
    pub words: Vec<Word>,
}

/// A word, explained.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// The word.
    pub word: Sentence,
    /// What it means, and what to do about it.
    pub meaning: Sentence,
}

impl Answer for Explained {
    const NAME: &str = "explained/v1";
}

/// A word by its name in either language, or all of them.
pub fn explain(asked: Option<&str>) -> Result<Explained, UseCaseError> {
    let is_meant = |entry: &&Entry| match asked {
        None => true,
        Some(asked) => entry.names.iter().any(|name| name.eq_ignore_ascii_case(asked.trim())),
    };
    let words: Vec<_> = ENTRIES.iter().filter(is_meant).map(Entry::shown).collect();
    match asked {
        Some(asked) if words.is_empty() => Err(UseCaseError::NoWord { word: asked.to_owned(), known: names() }),
        _ => Ok(Explained { words }),
    }
}

/// The first names of all.
fn names() -> String {
    ENTRIES.iter().map(|entry| entry.names[0]).collect::<Vec<_>>().join(", ")
}

struct Entry {
    /// What people may type; the first stands for all.
    names: &'static [&'static str],
    word: Text,
    meaning: Text,
}

impl Entry {
    fn shown(&self) -> Word {
        Word { word: self.word.into(), meaning: self.meaning.into() }
    }
}

const ENTRIES: [Entry; 20] = [
    Entry {
        names: &["unit", "privacy unit", "隐私单元", "单元"],
        word: text!("privacy unit", "隐私单元"),
        meaning: text!(
            "An enterprise, a person, a vehicle: all of its rows are protected together. Whatever is released would be about as likely if this one unit had no rows at all.",
            "一家企业、一个人、一辆车：它的所有行一并受到保护。无论发布什么，即使没有这个单元的任何一行，结果的可能性也大致相同。"
        ),
    },
    Entry {
        names: &["grain", "数据粒"],
        word: text!("grain", "数据粒"),
        meaning: text!(
            "What the job's code sees at once: all rows of one unit, or, with kind = \"blocks\", of a block of units. It runs anew for each grain and remembers nothing.",
            "作业代码一次看到的数据：一个单元的所有行；kind = \"blocks\" 时是一个分块的所有行。每个数据粒都重新运行，不保留任何内容。"
        ),
    },
    Entry {
        names: &["blocks", "block", "分块"],
        word: text!("blocks", "分块"),
        meaning: text!(
            "Units dealt into so many blocks. The code sees a whole block, so it can take a median or fit a model, and the blocks' answers are averaged. One unit moves one block's answer; more blocks have less noise and rougher answers.",
            "把单元分成若干块。代码一次看到整块，因而可以求中位数或拟合模型，各块的答案再取平均。一个单元只影响一块的答案；块越多，噪声越小，但每块的答案越粗糙。"
        ),
    },
    Entry {
        names: &["group", "groups", "分组"],
        word: text!("group", "分组"),
        meaning: text!(
            "What a number is released for, such as a town and a size. All groups are written down before anybody sees a row, and each is released, empty or not.",
            "一个数字所对应的类别，例如某镇的某一规模。所有分组都在看到数据之前写定，无论是否为空都会发布。"
        ),
    },
    Entry {
        names: &["clamp", "clamping", "bounds", "lower", "upper", "截断", "界限"],
        word: text!("clamping bounds", "截断界限"),
        meaning: text!(
            "lower and upper of a value: what one grain may add to one group. What lies beyond counts as the bound. The noise is as large as the larger of the two, so a bound too high drowns the answer, and one too low bends it; the released interval does not cover the bending.",
            "一个值的 lower 和 upper：一个数据粒在一组中可加的范围，超出部分按界限计。噪声与两者中较大的成正比：过高，答案会被噪声淹没；过低，答案会有偏差，而发布的区间不反映这种偏差。"
        ),
    },
    Entry {
        names: &["granularity", "粒度", "步长"],
        word: text!("granularity", "粒度（步长）"),
        meaning: text!(
            "The smallest difference that matters: everything is counted in whole steps of it. It hardly changes noise or cost.",
            "有意义的最小差别：一切都按它的整数倍计算。它几乎不影响噪声和开销。"
        ),
    },
    Entry {
        names: &["noise", "噪声"],
        word: text!("noise", "噪声"),
        meaning: text!(
            "A random whole number of steps that is added to each total, so that no one unit can be told from it. How large it will be is known before: job check says so for each number. The lab can draw it again, and an auditor can check that it did.",
            "加在每个合计上的随机整数步，使任何单个单元都无从分辨。其大小事先已知：job check 会逐个给出。实验室可以重新得出它，审计员也可以核对。"
        ),
    },
    Entry {
        names: &["rho", "zcdp", "ρ"],
        word: text!("rho", "rho（隐私开销）"),
        meaning: text!(
            "The currency of privacy (zero-concentrated differential privacy): what a job costs, and what is left of a budget. Four times the rho halves the error. Costs of several jobs add up.",
            "隐私的“货币”（零集中差分隐私）：作业的开销和预算的剩余都以它计。四倍的 rho 使误差减半，多个作业的开销相加。"
        ),
    },
    Entry {
        names: &["epsilon", "delta", "ε", "δ"],
        word: text!("(epsilon, delta)", "(ε, δ)"),
        meaning: text!(
            "The same loss in the words of most papers. A job of epsilon without delta costs epsilon squared, halved, in rho.",
            "同一隐私损失在多数论文中的说法。没有 delta 的 epsilon 作业，开销为 epsilon 平方的一半（rho）。"
        ),
    },
    Entry {
        names: &["budget", "charge", "cap", "预算", "隐私预算"],
        word: text!("budget", "隐私预算"),
        meaning: text!(
            "What may be spent at most: for a dataset, an analyst, one job, and a kind of unit. A run is charged before its first row is read, and nothing is ever given back. unseen budget says what is left.",
            "最多可以花费的 rho：按数据集、分析员、单个作业和单元种类分别设定。运行在读取第一行之前记账，从不退还。剩余见 unseen budget。"
        ),
    },
    Entry {
        names: &["interval", "95 %", "95%", "区间"],
        word: text!("95 % interval", "95 % 区间"),
        meaning: text!(
            "Where the true total (of clamped contributions) lies in 95 of 100 releases. Numbers whose intervals overlap cannot be told apart.",
            "在 100 次发布中有 95 次包含真实合计（截断之后）的范围。区间重叠的数字看不出差别。"
        ),
    },
    Entry {
        names: &["twin", "孪生", "孪生数据"],
        word: text!("twin", "孪生数据"),
        meaning: text!(
            "Made-up rows that follow what a dataset's description states: columns, types, ranges, and how values lie, never its rows. A fitted one follows a release of a dataset fit job too, says so at the head of its description, and is for whoever may read that release. A job is tried on it (job try) before it asks the lab.",
            "按数据集描述（列、类型、范围和取值的分布）编造的行，绝不依据真实行。拟合的孪生数据还依据 dataset fit 作业的发布结果，在描述文件开头写明，只供有权阅读该结果的人使用。作业提交之前先用它试跑（job try）。"
        ),
    },
    Entry {
        names: &["fitted", "fit", "dataset fit", "拟合", "拟合的孪生数据"],
        word: text!("fitted", "拟合（fitted）"),
        meaning: text!(
            "Of a twin: made of noised numbers that a job of dataset fit released, at a price that the log shows, beside the description. Its rows have about the shares of the real ones and know nothing else of them; they are for whoever may read that release. The table fit of a regression is something else: it says how far its numbers are to be trusted, in hidden and last_step.",
            "指孪生数据：除描述外，还依据 dataset fit 作业发布的加噪数字生成，其开销记在日志中。各取值的比例与真实数据大致相同，此外一概不知；只供有权阅读该结果的人使用。回归结果中的 fit 表是另一回事：它用 hidden 和 last_step 说明结果可信到什么程度。"
        ),
    },
    Entry {
        names: &["normalize", "规范化"],
        word: text!("normalize", "规范化（normalize）"),
        meaning: text!(
            "The steps that bring the texts of a column into one form at every import (full width, blanks, separators, case, identity numbers of 15 digits), so that a code that is written in several ways is one unit. Datasets that are to meet declare the same steps; where they differ, an import and job check say so.",
            "每次导入时把一列文本统一成同一写法的步骤（全角、空格、分隔符、大小写、15 位身份证号），使写法不一的同一编号算作一个单元。要关联的数据集须声明相同的步骤；不同时，导入和 job check 会指出。"
        ),
    },
    Entry {
        names: &["quantile", "median", "分位数", "中位数"],
        word: text!("quantile", "分位数"),
        meaning: text!(
            "The value below which a share of the rows lies: a half for the median. It is found by halving the column's bounds, once in a round, by noised counts. low to high is what all rounds leave possible; a value at one end of the bounds says that they are too narrow. An error of 2 % means 2 % of the rows in rank.",
            "有相应份额的行不超过它的值：份额为一半时是中位数。方法是依据加噪计数逐轮折半列的界限。low 至 high 是各轮之后仍可能的范围；值落在界限一端，说明界限太窄。2 % 的误差指排名上 2 % 的行。"
        ),
    },
    Entry {
        names: &["k-means", "kmeans", "cluster", "centres", "聚类"],
        word: text!("k-means", "聚类（k-means）"),
        meaning: text!(
            "Rows gathered around so many centres, each the mean of the rows nearest to it. Centres begin evenly within the bounds and move with noised sums, once in a round. A row of centres is one cluster: how many rows it has, and where it lies in each column. Clusters of fewer rows than the noise is wide mean nothing.",
            "把行聚到若干中心周围，每个中心是离它最近的各行的均值。中心起初在界限内均匀分布，每轮按加噪总和移动一次。中心表的每一行是一个聚类：有多少行，在各列中位于何处。行数小于噪声宽度的聚类没有意义。"
        ),
    },
    Entry {
        names: &["hidden", "被噪声淹没"],
        word: text!("hidden", "被噪声淹没（hidden）"),
        meaning: text!(
            "Of a regression: how many combinations of its terms the noise hides, so that nothing is told of them: columns that say almost the same, or that hardly differ within their bounds. Above 0, coefficients are drawn towards 0 and their standard deviations are wide. Leave a column out, narrow the bounds, or spend more rho.",
            "指回归：有多少个项的组合被噪声淹没、无从得知，例如几列说的几乎是同一件事，或在界限之内几乎没有差别。大于 0 时，系数偏向 0，标准差很宽。请去掉一列、收窄界限或增加 rho。"
        ),
    },
    Entry {
        names: &["last_step", "last step", "最后一步"],
        word: text!("last_step", "最后一步（last_step）"),
        meaning: text!(
            "Of a logistic regression: how far its last step went, with columns on the scale of -1 to 1. Near 0 it has arrived; where it is not small beside the coefficients, give it more rounds (rounds in the manifest).",
            "指逻辑回归：最后一步走了多远（各列按 -1 至 1 的尺度计）。接近 0 说明已收敛；若与系数相比不算小，请增加轮数（清单中的 rounds）。"
        ),
    },
    Entry {
        names: &["slot", "时段"],
        word: text!("slot", "时段"),
        meaning: text!(
            "How long a run has the machine, however soon it is done, so that nobody learns from its end. It follows from public numbers: units, fuel, memory, rounds. What does not fit before the release time is refused.",
            "一次运行占用机器的时间，即使提前完成也不缩短，因此没有人能从结束时间得知什么。它由公开数字（单元数、燃料、内存、轮数）决定；发布时间之前容不下的作业会被拒绝。"
        ),
    },
    Entry {
        names: &["fuel", "燃料"],
        word: text!("fuel", "燃料"),
        meaning: text!(
            "How many instructions the code may take for one grain. One that takes more adds nothing, silently. job try says what the hungriest grain of a twin took, and proposes a limit.",
            "代码处理一个数据粒最多可用的指令数。用尽的数据粒不产生任何贡献，也不会有提示。job try 会给出孪生数据中用得最多的数据粒，并建议上限。"
        ),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_any_of_its_names() {
        for (asked, found) in [
            ("RHO", "rho"),
            ("截断", "clamping bounds"),
            (" cap ", "budget"),
            ("95%", "95 % interval"),
            ("KMEANS", "k-means"),
            ("拟合", "fitted"),
        ] {
            let words = explain(Some(asked)).unwrap().words;
            assert_eq!((words.len(), words[0].word.to_string().as_str()), (1, found), "{asked}");
        }
        let error = explain(Some("quantum")).unwrap_err().to_string();
        assert!(error.contains("`quantum`") && error.contains("unit, grain"), "{error}");
        let names: Vec<_> = ENTRIES.iter().flat_map(|entry| entry.names).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)), "{names:?}");
    }
}
