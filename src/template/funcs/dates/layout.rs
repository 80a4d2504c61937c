//! Go's time layouts (Go 1.26 `time/format.go`): `Mon Jan _2 15:04:05 MST 2006` and everything made of such pieces.

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Std {
    Year,
    LongYear,
    Month,
    LongMonth,
    NumMonth,
    ZeroMonth,
    WeekDay,
    LongWeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    /// `PM` or `pm`
    Half {
        upper: bool,
    },
    /// The abbreviation, `MST`.
    Zone,
    /// `-0700` and its like.
    Offset(OffsetForm),
    /// `.000` or `,999`
    Fraction {
        digits: usize,
        trim: bool,
        mark: u8,
    },
}

/// How a zone's offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetForm {
    /// `Z` stands for UTC.
    pub z: bool,
    pub colon: bool,
    pub minutes: bool,
    pub seconds: bool,
}

pub(super) const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Go's `nextStdChunk`: the text before the first element, the element with its own text, and what follows.
pub(super) fn next_chunk(layout: &[u8]) -> (&[u8], Option<(Std, &[u8])>, &[u8]) {
    for at in 0..layout.len() {
        if let Some((skip, std, width)) = element(&layout[at..]) {
            let start = at + skip;
            return (&layout[..start], Some((std, &layout[start..start + width])), &layout[start + width..]);
        }
    }
    (layout, None, b"")
}

/// The element at the start of a text: literal bytes before it, itself, its width.
fn element(text: &[u8]) -> Option<(usize, Std, usize)> {
    let lower = |at: usize| text.get(at).is_some_and(u8::is_ascii_lowercase);
    let found = |std, width| Some((0, std, width));
    match text {
        [b'J', b'a', b'n', b'u', b'a', b'r', b'y', ..] => found(Std::LongMonth, 7),
        [b'J', b'a', b'n', ..] if !lower(3) => found(Std::Month, 3),
        [b'M', b'o', b'n', b'd', b'a', b'y', ..] => found(Std::LongWeekDay, 6),
        [b'M', b'o', b'n', ..] if !lower(3) => found(Std::WeekDay, 3),
        [b'M', b'S', b'T', ..] => found(Std::Zone, 3),
        [b'0', b'1', ..] => found(Std::ZeroMonth, 2),
        [b'0', b'2', ..] => found(Std::ZeroDay, 2),
        [b'0', b'3', ..] => found(Std::ZeroHour12, 2),
        [b'0', b'4', ..] => found(Std::ZeroMinute, 2),
        [b'0', b'5', ..] => found(Std::ZeroSecond, 2),
        [b'0', b'6', ..] => found(Std::Year, 2),
        [b'0', b'0', b'2', ..] => found(Std::ZeroYearDay, 3),
        [b'1', b'5', ..] => found(Std::Hour, 2),
        [b'1', ..] => found(Std::NumMonth, 1),
        [b'2', b'0', b'0', b'6', ..] => found(Std::LongYear, 4),
        [b'2', ..] => found(Std::Day, 1),
        [b'_', b'2', b'0', b'0', b'6', ..] => Some((1, Std::LongYear, 4)), // a literal _ before the year
        [b'_', b'2', ..] => found(Std::UnderDay, 2),
        [b'_', b'_', b'2', ..] => found(Std::UnderYearDay, 3),
        [b'3', ..] => found(Std::Hour12, 1),
        [b'4', ..] => found(Std::Minute, 1),
        [b'5', ..] => found(Std::Second, 1),
        [b'P', b'M', ..] => found(Std::Half { upper: true }, 2),
        [b'p', b'm', ..] => found(Std::Half { upper: false }, 2),
        [b'-' | b'Z', b'0', b'7', ..] => offset(text),
        [mark @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text[1..].iter().take_while(|byte| *byte == digit).count();
            // The digits must end here: only a fraction is all digits.
            let ends = !text.get(1 + digits).is_some_and(u8::is_ascii_digit);
            ends.then_some((0, Std::Fraction { digits, trim: *digit == b'9', mark: *mark }, 1 + digits))
        }
        _ => None,
    }
}

fn offset(text: &[u8]) -> Option<(usize, Std, usize)> {
    let forms: [(&[u8], bool, bool, bool); 5] = [
        (b"070000", false, true, true),
        (b"07:00:00", true, true, true),
        (b"0700", false, true, false),
        (b"07:00", true, true, false),
        (b"07", false, false, false),
    ];
    let (form, colon, minutes, seconds) = forms.into_iter().find(|(form, ..)| text[1..].starts_with(form))?;
    Some((0, Std::Offset(OffsetForm { z: text[0] == b'Z', colon, minutes, seconds }), 1 + form.len()))
}
