/* rings.c - calls of ring 3. */
#include "rings.h"

Trap in_user_flags(void (*function)(void), word flags)
{
    return CATCH_USER_FLAGS(function, flags);
}

Trap in_user(void (*function)(void))
{
    return in_user_flags(function, FLAG_FIXED);
}
