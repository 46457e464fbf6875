"""The palette of the web dashboard and of the Power BI theme: readable for the colour-blind, on white and on dark."""

# After Okabe and Ito, darkened where white would swallow them. Names never stand for a meaning by colour alone.
BLUE, SKY, AMBER, VERMILLION = "#1668a8", "#4a9fd4", "#d08a00", "#c8500a"
GREEN, PURPLE, GREY = "#0b8a68", "#a2588c", "#868e96"

SEGMENT_COLOURS = {"High": BLUE, "Medium": SKY, "Low": AMBER, "At Risk": VERMILLION}
VALUE_COLOURS = {
    "VIPs": BLUE,
    "Converters-to-be": SKY,
    "Core": GREEN,
    "At-risk VIPs": VERMILLION,
    "Dormant": GREY,
}

#: The order in which colours are given to series without a meaning of their own.
COLOURWAY = [BLUE, AMBER, GREEN, PURPLE, VERMILLION, SKY]

#: From few to many: light to dark blue, also in greyscale.
FEW, MANY = "#e3eef7", "#0d4a7c"
