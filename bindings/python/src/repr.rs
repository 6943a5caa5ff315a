//! `repr()` of settings: the call that makes them.

/// A value as Python writes it.
pub(crate) trait Repr {
    fn repr(&self) -> String;
}

impl Repr for bool {
    fn repr(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }
}

impl Repr for f64 {
    fn repr(&self) -> String {
        format!("{self:?}")
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Repr for $number {
            fn repr(&self) -> String {
                self.to_string()
            }
        })*
    };
}

numbers!(u8, u64, usize);

impl<T: Repr> Repr for Option<T> {
    fn repr(&self) -> String {
        self.as_ref().map_or_else(|| "None".to_owned(), Repr::repr)
    }
}

/// `Name(field=value, …)`.
macro_rules! settings_repr {
    ($value:expr, $name:ident, $($field:ident),+) => {{
        let fields = [$(format!("{}={}", stringify!($field), $crate::repr::Repr::repr(&$value.$field))),+];
        format!("{}({})", stringify!($name), fields.join(", "))
    }};
}

pub(crate) use settings_repr;
