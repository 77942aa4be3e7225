//! `#[derive(Say)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Result};

use crate::chinese::check;
use crate::template::{Argument, Template, arguments, of_tuple};

/// A variant, or the whole of a struct.
struct Variant {
    /// As it is matched: `Self::Name`, `Self`.
    path: TokenStream,
    /// Its code, if the type has codes.
    code: Option<String>,
    /// The names its fields are bound to, and whether they have names of their own.
    fields: Vec<Ident>,
    tuple: bool,
    /// English that is not thiserror's.
    english: Option<Template>,
    chinese: Said,
}

enum Said {
    Template(Template, Vec<Argument>),
    /// What the only field says.
    Delegated,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let code = attribute(&input.attrs, "code").map(|code| code.parse_args::<LitStr>()).transpose()?;
    let code = code.map(|code| code.value());
    let variants = match &input.data {
        Data::Enum(data) => {
            let of = |variant: &syn::Variant| {
                let ident = &variant.ident;
                let code = code.as_ref().map(|prefix| format!("{prefix}.{}", kebab(&ident.to_string())));
                Variant::read(quote!(Self::#ident), ident, &variant.attrs, &variant.fields, code)
            };
            data.variants.iter().map(of).collect::<Result<Vec<_>>>()?
        }
        Data::Struct(data) => vec![Variant::read(quote!(Self), name, &input.attrs, &data.fields, code.clone())?],
        Data::Union(_) => return Err(Error::new(name.span(), "a union says nothing")),
    };

    let chinese = variants.iter().map(Variant::says_chinese);
    let english = variants.iter().map(Variant::displays).collect::<Option<Vec<_>>>();
    let display = english.map(|arms| {
        quote! {
            impl ::std::fmt::Display for #name {
                fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    match self { #(#arms)* }
                }
            }
        }
    });
    let value = code.as_ref().map(|_| {
        quote! {
            fn value(&self) -> ::unseen_texts::Value {
                ::unseen_texts::to_value(self)
            }
        }
    });
    let message = code.as_ref().map(|_| message(name, &variants));
    Ok(quote! {
        #[automatically_derived]
        impl ::unseen_texts::Say for #name {
            fn say(&self, lang: ::unseen_texts::Lang, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                if lang == ::unseen_texts::Lang::En {
                    return ::std::fmt::Display::fmt(self, out);
                }
                match self { #(#chinese)* }
            }
            #value
        }
        #display
        #message
    })
}

fn message(name: &Ident, variants: &[Variant]) -> TokenStream {
    let codes = variants.iter().map(|variant| match (&variant.chinese, &variant.code) {
        (Said::Template(..), Some(code)) => {
            let any = variant.pattern(&[]);
            quote!(#any => #code,)
        }
        _ => variant.delegates(&quote!(::unseen_texts::Message::code)),
    });
    let data = variants.iter().map(|variant| match &variant.chinese {
        Said::Delegated => variant.delegates(&quote!(::unseen_texts::Message::data)),
        Said::Template(..) => {
            let (all, fields) = (variant.pattern(&variant.fields), &variant.fields);
            let names = fields.iter().map(|field| match (variant.tuple, fields.len()) {
                (true, 1) => "value".to_owned(),
                (true, _) => field.to_string()[1..].to_owned(),
                (false, _) => field.to_string(),
            });
            quote!(#all => ::unseen_texts::object([#((#names, ::unseen_texts::Say::value(#fields))),*]),)
        }
    });
    let own = variants.iter().filter(|variant| matches!(variant.chinese, Said::Template(..)));
    let own = own.filter_map(|variant| variant.code.as_ref());
    quote! {
        #[automatically_derived]
        impl ::unseen_texts::Message for #name {
            fn code(&self) -> &str {
                match self { #(#codes)* }
            }
            fn data(&self) -> ::unseen_texts::Value {
                match self { #(#data)* }
            }
        }
        impl #name {
            /// The codes of its own messages.
            pub const CODES: &'static [&'static str] = &[#(#own),*];
        }
    }
}

impl Variant {
    fn read(
        path: TokenStream,
        ident: &Ident,
        attributes: &[Attribute],
        fields: &Fields,
        code: Option<String>,
    ) -> Result<Variant> {
        let tuple = matches!(fields, Fields::Unnamed(_));
        let name =
            |(at, field): (usize, &syn::Field)| field.ident.clone().unwrap_or_else(|| of_tuple(at, Span::call_site()));
        let fields: Vec<Ident> = fields.iter().enumerate().map(name).collect();
        let english = attribute(attributes, "en").map(text).transpose()?;
        let thiserrors = attribute(attributes, "error").filter(|_| english.is_none()).map(text_of_error).transpose()?;
        let chinese = match attribute(attributes, "zh").map(text).transpose()? {
            Some((zh, given)) => {
                check(&zh)?;
                Said::Template(Template::read(&zh)?, given)
            }
            None if fields.len() == 1 && matches!(thiserrors, Some(None)) => Said::Delegated,
            None => {
                return Err(Error::new(ident.span(), format!("`{ident}` has no Chinese: add #[zh(\"…\")]")));
            }
        };
        let english = english.map(|(en, _)| Template::read(&en)).transpose()?;
        if let Said::Template(zh, given) = &chinese {
            let of_thiserror = thiserrors.flatten().map(|en| Template::read(&en)).transpose();
            // Arguments without names, as thiserror knows them, cannot be compared.
            let compared = english.as_ref().map(Some).unwrap_or(of_thiserror.as_ref().ok().and_then(Option::as_ref));
            if let Some(en) = compared.filter(|_| given.is_empty()) {
                en.speaks_of_the_same(zh)?;
            }
        }
        Ok(Variant { path, code, fields, tuple, english, chinese })
    }

    /// The variant with these of its fields.
    fn pattern(&self, bound: &[Ident]) -> TokenStream {
        let path = &self.path;
        match self.tuple {
            true => {
                let fields = self.fields.iter().map(|field| match bound.contains(field) {
                    true => quote!(#field),
                    false => quote!(_),
                });
                quote!(#path(#(#fields),*))
            }
            false => quote!(#path { #(#bound,)* .. }),
        }
    }

    fn says_chinese(&self) -> TokenStream {
        match &self.chinese {
            Said::Template(template, given) => self.says(template, given, &quote!(lang)),
            Said::Delegated => {
                let (all, field) = (self.pattern(&self.fields), &self.fields[0]);
                quote!(#all => ::unseen_texts::Say::say(#field, lang, out),)
            }
        }
    }

    fn displays(&self) -> Option<TokenStream> {
        Some(self.says(self.english.as_ref()?, &[], &quote!(::unseen_texts::Lang::En)))
    }

    fn says(&self, template: &Template, given: &[Argument], lang: &TokenStream) -> TokenStream {
        let literal = &template.literal;
        let shadowed = |field: &Ident| given.iter().any(|given| given.name == *field);
        let said = |field: &&Ident| template.has(&field.to_string()) && !shadowed(field);
        let used: Vec<_> = self.fields.iter().filter(said).collect();
        let fields = used.iter().map(|field| quote!(, #field = ::unseen_texts::InLang(#field, #lang)));
        let given_values =
            given.iter().map(|Argument { name, value }| quote!(, #name = ::unseen_texts::InLang(&(#value), #lang)));
        let mentioned =
            |field: &&Ident| used.contains(field) || given.iter().any(|given| mentions(&given.value, field));
        let bound: Vec<Ident> = self.fields.iter().filter(mentioned).cloned().collect();
        let pattern = self.pattern(&bound);
        quote!(#pattern => ::std::write!(out, #literal #(#fields)* #(#given_values)*),)
    }

    fn delegates(&self, method: &TokenStream) -> TokenStream {
        let (all, field) = (self.pattern(&self.fields), self.fields.first());
        quote!(#all => #method(#field),)
    }
}

fn mentions(value: &TokenStream, name: &Ident) -> bool {
    fn within(tokens: TokenStream, name: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(found) => found == name,
            proc_macro2::TokenTree::Group(group) => within(group.stream(), name),
            _ => false,
        })
    }
    within(value.clone(), &name.to_string())
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.path().is_ident(name))
}

/// A text and its arguments.
fn text(attribute: &Attribute) -> Result<(LitStr, Vec<Argument>)> {
    attribute.parse_args_with(|input: ParseStream<'_>| Ok((input.parse()?, arguments(input)?)))
}

/// thiserror's text; none where the variant is what its field is.
fn text_of_error(attribute: &Attribute) -> Result<Option<LitStr>> {
    let tokens = attribute.meta.require_list()?.tokens.clone();
    let read = |input: ParseStream<'_>| {
        let text: Option<LitStr> = if input.peek(LitStr) { Some(input.parse()?) } else { None };
        // Its further arguments are thiserror's matter.
        input.parse::<TokenStream>()?;
        Ok(text.filter(|text| text.value() != "{0}"))
    };
    read.parse2(tokens)
}

/// `NotEnrolled` as `not-enrolled`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}
