//! The parts of evidence, as errors name them.

use unseen_texts::{Text, text};

/// In errors.
pub const EVENT_LOG: Text = text!("the event log", "事件日志");

/// In errors.
pub const QUOTE_SIGNATURE: Text = text!("the quote's signature", "引证的签名");

/// In errors.
pub const QUOTE: Text = text!("the quote", "引证");

/// In errors.
pub const ARK: Text = text!("the ARK certificate", "ARK 证书");

/// In errors.
pub const ASK: Text = text!("the ASK certificate", "ASK 证书");

/// In errors.
pub const VCEK: Text = text!("the VCEK certificate", "VCEK 证书");

/// In errors.
pub const REPORT: Text = text!("the report", "报告");
