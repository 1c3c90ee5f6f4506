/**
 * A certificate for `localhost`, 127.0.0.1 and ::1, valid from 2020 to 2099, for examples that shall run without one of yours. Its key
 * is public: it guards nothing.
 *
 * @module
 */

/** The certificate. */
export const CERTIFICATE: string = `-----BEGIN CERTIFICATE-----
MIIB7jCCAZSgAwIBAgIUJEqPSF4sOoImheXxjVRQnEAPBPMwCgYIKoZIzj0EAwIw
JjEkMCIGA1UEAwwbaHR0cC11cGdyYWRlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEw
MTAwMDAwMFoYDzIwOTkxMjMxMjM1OTU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASisqA2Jto+VN7lpEyzThXqf0TE65D8
N3fc+3MLkBOyqRXFGt2vikDqbBhst5kps9kjiumJjb4mYdg/4HPjdGb5o4GvMIGs
MAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMB0GA1UdDgQWBBT0A4N0IXhg
MRqFbUugp9DTp+b1kTAfBgNVHSMEGDAWgBR0J0s4Z71O/80Uba6GYbMDwzy9NjAT
BgNVHSUEDDAKBggrBgEFBQcDATA3BgNVHREEMDAugglsb2NhbGhvc3SCCW5hbWUu
dGVzdIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAKBggqhkjOPQQDAgNIADBFAiEA
g4UQS9DAk4OQ4axwX5eu6GRK8hoOiM0ITaDzqtu4mVsCIDejnk6umqcdNysKE0+x
bGnCtcbdMs/9+WdBEL/FlNch
-----END CERTIFICATE-----
`;

/** Its key. */
export const KEY: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEYtENCnT7LwTKFsU
P10Et4nrK3RaMQA4ASc5F1rpS0ihRANCAASisqA2Jto+VN7lpEyzThXqf0TE65D8
N3fc+3MLkBOyqRXFGt2vikDqbBhst5kps9kjiumJjb4mYdg/4HPjdGb5
-----END PRIVATE KEY-----
`;
