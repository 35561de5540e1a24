// What the tokenizer asks about a code point. Letters, numbers and casing come from tables/, the rest from utf8proc.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

bool is_letter(char32_t c);          // \p{L}
bool is_number(char32_t c);          // \p{N}
bool is_decimal_digit(char32_t c);   // \d
bool is_space(char32_t c);           // str.isspace(), the separators of str.split()
bool is_cased(char32_t c);           // Cased, and not Case_Ignorable
bool is_case_ignorable(char32_t c);  // Case_Ignorable

char32_t simple_lower(char32_t c);
std::u32string to_nfc(std::u32string_view text);
// NFKC of one code point. Compatibility mappings of the halfwidth and fullwidth forms need no composition.
std::u32string compatibility_form(char32_t c);

}  // namespace sclip
