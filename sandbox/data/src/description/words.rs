//! Closed lists of words, each written in English or in Chinese.

use serde::{Deserialize, Serialize};

/// A closed list of words, written in English or Chinese.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $en:literal / $zh:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// The English word, as written by [`Description::to_toml`](super::Description::to_toml).
            pub fn en(self) -> &'static str { match self { $(Self::$variant => $en),* } }
            /// The Chinese word.
            pub fn zh(self) -> &'static str { match self { $(Self::$variant => $zh),* } }
            pub(super) fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| word == value.en() || word == value.zh())
            }
        }
    };
}

words! {
    /// Classification levels, from harmless to gravest.
    Classification {
        /// 公开
        Public = "public" / "公开",
        /// 内部
        Internal = "internal" / "内部",
        /// 敏感
        Sensitive = "sensitive" / "敏感",
        /// 核心
        Core = "core" / "核心",
    }
}

words! {
    /// How often new data comes.
    UpdateCycle {
        /// Within the day.
        Realtime = "realtime" / "实时",
        /// Every day.
        Daily = "daily" / "每日",
        /// Every week.
        Weekly = "weekly" / "每周",
        /// Every month.
        Monthly = "monthly" / "每月",
        /// Every quarter.
        Quarterly = "quarterly" / "每季度",
        /// Every year.
        Yearly = "yearly" / "每年",
        /// No fixed cycle: never late.
        Irregular = "irregular" / "不定期",
        /// Will not change: never late.
        Once = "once" / "一次性",
    }
}

words! {
    /// Sharing kinds of government data.
    Sharing {
        /// 无条件共享
        Unconditional = "unconditional" / "无条件共享",
        /// 有条件共享
        Conditional = "conditional" / "有条件共享",
        /// 不予共享
        None = "none" / "不予共享",
    }
}

words! {
    /// Where the provider has the data from, as NDI-TR-2025-06 tells it (table 2).
    Origin {
        /// Made in its own work.
        Original = "original" / "原始取得",
        /// Collected from others.
        Collected = "collected" / "采集取得",
        /// Bought or exchanged.
        Traded = "traded" / "交易取得",
        /// Otherwise.
        Other = "other" / "其他",
    }
}

words! {
    /// How good the data is, as its steward grades it (NDI-TR-2025-06, table 5).
    Grade {
        /// The best.
        A = "A" / "A级",
        /// The second.
        B = "B" / "B级",
        /// The third.
        C = "C" / "C级",
        /// The least.
        D = "D" / "D级",
    }
}

impl UpdateCycle {
    /// Days after which data of this cycle counts as late: the longest such period and a grace of
    /// one more (a monthly table may take a month to come). `None`: never late.
    pub fn late_after_days(self) -> Option<u32> {
        match self {
            Self::Realtime => Some(1),
            Self::Daily => Some(2),
            Self::Weekly => Some(14),
            Self::Monthly => Some(62),
            Self::Quarterly => Some(184),
            Self::Yearly => Some(731),
            Self::Irregular | Self::Once => None,
        }
    }
}
