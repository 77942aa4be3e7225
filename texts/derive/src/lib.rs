//! The macros of `unseen-texts`. They read both languages of a text where it is written, and refuse to build what
//! a reader of one of them would miss.

mod chinese;
mod derive;
mod template;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token, parse_macro_input};

use crate::chinese::check;
use crate::template::{Argument, Template, arguments};

/// Implements `Say` for an enum or a struct: `#[zh("…")]` beside thiserror's `#[error("…")]`, or beside
/// `#[en("…")]`, which makes `Display` too. Fields are bound by name, those of a tuple by number; further
/// arguments are given by name (`#[zh("… {more}", more = expression)]`) and may use fields, those of a tuple as
/// `_0`. A variant that is `transparent` or nothing but `{0}` needs no Chinese and is what it holds.
///
/// With `#[code("prefix")]` it is a `Message` too: the code of a variant is the prefix and its name.
#[proc_macro_derive(Say, attributes(en, zh, code))]
pub fn say_derive(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    derive::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// A fixed text: `text!("State", "状态")`.
#[proc_macro]
pub fn text(input: TokenStream) -> TokenStream {
    let Pair { en, zh, .. } = parse_macro_input!(input as Pair);
    if let Err(error) = check(&zh) {
        return error.to_compile_error().into();
    }
    quote!(::unseen_texts::Text { en: #en, zh: #zh }).into()
}

/// A sentence with values: `say!("{n} rows in `{name}`", "`{name}` 有 {n} 行")`. Values are captured, or given by
/// name after the two texts, and said in the language of each.
#[proc_macro]
pub fn say(input: TokenStream) -> TokenStream {
    let pair = parse_macro_input!(input as Pair);
    sentence(&pair).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Two texts, and arguments by name.
struct Pair {
    en: LitStr,
    zh: LitStr,
    given: Vec<Argument>,
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Pair> {
        let en = input.parse()?;
        input.parse::<Token![,]>()?;
        let zh = input.parse()?;
        Ok(Pair { en, zh, given: arguments(input)? })
    }
}

fn sentence(pair: &Pair) -> syn::Result<proc_macro2::TokenStream> {
    check(&pair.zh)?;
    let (en, zh) = (Template::read(&pair.en)?, Template::read(&pair.zh)?);
    en.speaks_of_the_same(&zh)?;
    let values = en.names().into_iter().map(|name| match pair.given.iter().find(|given| given.name == name) {
        Some(Argument { name, value }) => (name.clone(), quote!(&(#value))),
        None => (name.clone(), quote!(&#name)),
    });
    let (names, values): (Vec<_>, Vec<_>) = values.unzip();
    // Names of their own: a captured constant must not become a pattern.
    let held: Vec<_> = (0..names.len())
        .map(|at| proc_macro2::Ident::new(&format!("value_{at}"), proc_macro2::Span::mixed_site()))
        .collect();
    let (en, zh) = (&en.literal, &zh.literal);
    let says = |literal: &LitStr, lang: proc_macro2::TokenStream| {
        quote!(::std::format!(#literal #(, #names = ::unseen_texts::InLang(#held, ::unseen_texts::Lang::#lang))*))
    };
    let (en, zh) = (says(en, quote!(En)), says(zh, quote!(Zh)));
    Ok(quote!({
        #(let #held = #values;)*
        ::unseen_texts::Sentence::new(#en, #zh)
    }))
}
