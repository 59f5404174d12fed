//! Country codes of ISO 3166-1, and XK, which banks use.

/// True for the code of a country.
pub(super) fn is_country(code: &[u8]) -> bool {
    COUNTRIES.chunks(2).any(|known| known == code)
}

/// Two letters each, in order.
const COUNTRIES: &[u8] = b"\
    ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCD\
    CFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGF\
    GGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKN\
    KPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNA\
    NCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSI\
    SJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI\
    VNVUWFWSXKYEYTZAZMZW\
    ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_has_every_country_once() {
        let codes: Vec<&[u8]> = COUNTRIES.chunks(2).collect();
        assert!(codes.is_sorted_by(|one, other| one < other));
        assert_eq!(codes.len(), 250);
        assert!(is_country(b"DE") && !is_country(b"EC "));
    }
}
