/* SPDX-License-Identifier: MIT */
/* The program of a link that only has to succeed (make lint). */
int main(void)
{
    return 0;
}
