//! Why a text is not a number.

use unseen_texts::Say;

/// Characters of a number, and its exponent, at most.
pub(crate) const MAX_LENGTH: usize = 64;
pub(crate) const MAX_EXPONENT: u32 = 400;

/// Why a text is not a number. The sentence says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("number")]
pub enum NumberError {
    /// Not a decimal and not a fraction; also what `nan` and `inf` get.
    #[error("`{0}` is not a finite number: write a decimal such as 0.01 or a fraction such as \"1/3\"")]
    #[zh("`{0}` 不是有限的数：请写小数（如 0.01）或分数（如 \"1/3\"）")]
    NotANumber(String),
    /// Longer, or with a larger exponent, than exact arithmetic should be asked to carry.
    #[error("`{0}` is out of range: write at most {MAX_LENGTH} characters, and an exponent of at most {MAX_EXPONENT}")]
    #[zh("`{0}` 超出可用范围：至多 {MAX_LENGTH} 个字符，指数至多 {MAX_EXPONENT}")]
    TooLong(String),
    /// A fraction over zero.
    #[error("`{0}` divides by zero: write a denominator of at least 1")]
    #[zh("`{0}` 除以了零：分母至少为 1")]
    ZeroDenominator(String),
}
